"""Run by the system's Python, which has PyQGIS: open the layers of a GeoPackage as they are and render a PNG.

Usage: render_in_qgis.py FILE.gpkg OUT.png LAYER [LAYER ...]  (the first layer is drawn on top)
Prints, by layer, its renderer and the legend's labels, as JSON.
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def main(path, out, names):
    application = QgsApplication([], False)
    application.initQgis()
    layers, said = [], {}
    extent = QgsRectangle()
    for name in names:
        layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
        if not layer.isValid():
            raise SystemExit(f"{name} is not a layer of {path}")
        QgsProject.instance().addMapLayer(layer)
        layers.append(layer)
        extent.combineExtentWith(layer.extent())
        legend = [item.label() for item in layer.renderer().legendSymbolItems()]
        said[name] = {"renderer": layer.renderer().type(), "legend": legend, "labels": layer.labelsEnabled()}
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(layers[0].crs())
    settings.setBackgroundColor(QColor("white"))
    settings.setOutputSize(QSize(1400, 1100))
    extent.scale(1.05)
    settings.setExtent(extent)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(out)
    print(json.dumps(said, ensure_ascii=False))
    application.exitQgis()


main(sys.argv[1], sys.argv[2], sys.argv[3:])
