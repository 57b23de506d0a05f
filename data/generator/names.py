"""Street names: plants, trades, places, saints and public figures dead for at least seventy years."""

from __future__ import annotations

import random

FIGURES = """Pasteur|Louis Pasteur; Marie Curie; Voltaire; Jean-Jacques Rousseau; Diderot; Molière; Racine; Corneille;
La Fontaine; George Sand; Balzac; Émile Zola; Flaubert; Stendhal; Lamartine; Chateaubriand; Paul Verlaine; Arthur
Rimbaud; Charles Baudelaire; Ronsard; Joachim du Bellay; Rabelais; Montaigne; Descartes; Blaise Pascal; Lavoisier;
Ampère; François Arago; Lakanal; Condorcet; Lazare Carnot; Hoche; Marceau; Kléber; Danton; Mirabeau; La Fayette;
Vauban; Colbert; Sully; Turenne; Bayard; Jeanne d'Arc; Du Guesclin; Vercingétorix; Clovis; Charlemagne; Hector
Berlioz; Georges Bizet; Maurice Ravel; Claude Debussy; Gabriel Fauré; Lully; Rameau; Couperin; Frédéric Chopin;
Mozart; Beethoven; Jean-Sébastien Bach; Claude Monet; Auguste Renoir; Édouard Manet; Edgar Degas; Paul Cézanne; Paul
Gauguin; Vincent van Gogh; Gustave Courbet; Camille Corot; Eugène Delacroix; Ingres; Watteau; Fragonard; Chardin;
Nicolas Poussin; Auguste Rodin; Camille Claudel; Louise Michel; Olympe de Gouges; Flora Tristan; Sophie Germain;
Émilie du Châtelet; Berthe Morisot; Rosa Bonheur; Madame de Sévigné; Jules Ferry; Aristide Briand; Jean Moulin; Pierre
Brossolette; Clemenceau; Joffre; Lyautey; Galliéni; Guynemer; Clément Ader; Jules Verne; Alexandre Dumas; Alfred de
Musset; Alfred de Vigny; Gérard de Nerval; Théophile Gautier; Prosper Mérimée; Guy de Maupassant; Alphonse Daudet;
Anatole France; Charles Péguy; Guillaume Apollinaire; Marcel Proust; Saint-Exupéry; Claude Bernard; Laennec; Ambroise
Paré; Bichat; Parmentier; Buffon; Cuvier; Lamarck; Jussieu; Réaumur; Denis Papin; Nicéphore Niépce; Daguerre;
Montgolfier; Gutenberg; Copernic; Galilée; Isaac Newton; Kepler; Benjamin Franklin; Thomas Edison; Franz Schubert;
Franz Liszt; Joseph Haydn; Vivaldi; Jacques Cartier; Samuel de Champlain; La Pérouse; Bougainville; Surcouf; Jean
Bart; Duquesne; Jacquard; Philippe Lebon; Marcelin Berthelot; Henri Becquerel; Augustin Fresnel; Évariste Galois;
Pierre de Fermat; Fourier; Monge; Laplace; D'Alembert; Montesquieu; Beaumarchais; Marivaux; Bossuet; Fénelon; La
Bruyère; La Rochefoucauld; Boileau; Malherbe; Clément Marot; Christine de Pisan; Marie de France; Louise Labé; Madame
de Staël; Jules Michelet; Edgar Quinet; Auguste Comte; Proudhon; Sadi Carnot; Ledru-Rollin; Raspail; Barbès; Étienne
Dolet; Bernard Palissy; Olivier de Serres; Ernest Renan; Jules Vallès; Édouard Vaillant; Paul Bert; Félix Faure;
Chanzy; Faidherbe; Bugeaud; Desaix; Masséna; Ney; Cambronne; Drouot"""

PLANTS = """des Acacias; des Aubépines; des Bleuets; des Bouleaux; des Bruyères; des Capucines; des Cèdres; des
Cerisiers; des Charmes; des Châtaigniers; des Chênes; des Chèvrefeuilles; des Clématites; des Coquelicots; des
Cyclamens; des Cytises; des Églantiers; des Épicéas; des Érables; des Figuiers; des Fougères; des Frênes; des Genêts;
des Géraniums; des Glaïeuls; des Glycines; des Hêtres; des Hortensias; des Ifs; des Iris; des Jacinthes; des Jasmins;
des Jonquilles; des Lauriers; des Lavandes; des Lilas; des Lys; des Magnolias; des Marguerites; des Marronniers; des
Mélèzes; des Mimosas; des Muguets; des Myosotis; des Narcisses; des Noisetiers; des Noyers; des Œillets; des Ormes;
des Orchidées; des Pâquerettes; des Pensées; des Peupliers; des Pervenches; des Pins; des Pivoines; des Platanes; des
Poiriers; des Pommiers; des Primevères; des Pruniers; des Roseaux; des Roses; des Sapins; des Saules; des Sorbiers;
des Sureaux; des Tilleuls; des Troènes; des Tulipes; des Violettes; des Alouettes; des Bergeronnettes; des Bouvreuils;
des Chardonnerets; des Fauvettes; des Hirondelles; des Loriots; des Martinets; des Merles; des Mésanges; des Pinsons;
des Rossignols; des Rouges-Gorges; des Tourterelles; des Cigognes; des Hérons; des Grives; des Cailles; des Palombes"""

TRADES = """des Boulangers; des Bouchers; des Chaudronniers; des Charpentiers; des Cordeliers; des Cordiers; des
Couteliers; des Drapiers; des Écuyers; des Faïenciers; des Ferronniers; des Fileuses; des Forgerons; des Foulons; des
Fripiers; des Gantiers; des Imprimeurs; des Jardiniers; des Jacobins; des Lavandières; des Maçons; des Maraîchers; des
Mariniers; des Mégissiers; des Merciers; des Meuniers; des Orfèvres; des Pelletiers; des Poissonniers; des Potiers;
des Sabotiers; des Savetiers; des Tanneurs; des Teinturiers; des Tisserands; des Tonneliers; des Tourneurs; des
Tuiliers; des Vanniers; des Verriers; des Vignerons; des Flotteurs; des Changeurs; des Carmes; des Ursulines; des
Augustins; des Capucins; des Récollets; des Pénitents; des Dominicains; de l'Arquebuse; de l'Écu; du Chapeau-Rouge; du
Lion-d'Or; de la Croix-Blanche; du Dauphin"""

PLACES = """de la Fontaine; du Moulin; du Château; de l'Abbaye; de l'Église; du Puits; des Halles; du Marché-au-Blé;
de l'Hôtel-Dieu; de la Poterne; des Fossés; du Rempart; de la Tour; de la Porte-Neuve; du Cloître; de l'Évêché; du
Chapitre; de la Monnaie; de la Prévôté; du Four-Banal; de l'Abreuvoir; du Gué; de l'Île; des Prés; du Pré-Long; des
Grands-Champs; de la Garenne; du Clos; de la Vigne; des Coteaux; de la Côte; du Val; de la Combe; de la Roche; des
Carrières; de la Tuilerie; de la Briqueterie; des Forges; de la Fonderie; des Usines; de l'Industrie; du Progrès; de
la Fraternité; de l'Égalité; de la Liberté; de la Paix; de Verdun; de la Marne; de l'Yser; de la Somme; de Valmy; de
Fleurus; d'Austerlitz; d'Iéna; de Wagram; de Bourgogne; de Champagne; de Picardie; d'Artois; de Flandre; de Normandie;
de Bretagne; d'Anjou; de Touraine; du Berry; du Bourbonnais; d'Auvergne; du Limousin; du Périgord; de Gascogne; de
Guyenne; du Béarn; du Languedoc; de Provence; du Dauphiné; de Savoie; du Jura; des Vosges; d'Alsace; de Lorraine; des
Ardennes; de l'Allier; de la Loire; du Cher; de l'Yonne; de la Cure; de l'Aron; du Morvan; du Beuvron; de la Gare; du
Dépôt; du Stade; du Gymnase; de l'École-Normale; du Collège; du Lavoir; de la Passerelle; du Port; du Canal; de
l'Écluse; du Halage; de la Grève; du Sablon; des Îles; de la Levée; du Champ-de-Foire; du Champ-de-Mars; de la
Caserne; du Polygone; de l'Arsenal; de la Manutention; du Cimetière; du Calvaire; de la Chapelle; de la Madeleine; du
Prieuré; de la Commanderie; de la Maladrerie; de la Motte; du Bois-Joli; du Bois-Brûlé; de la Lisière; de la
Clairière; de l'Étang; de la Source; du Ruisseau; de la Vallée; du Plateau; de Bellevue; du Belvédère; de l'Horizon;
du Levant; du Couchant; du Midi"""

SAINTS = """Saint-Martin; Saint-Étienne; Saint-Nicolas; Saint-Jacques; Saint-Pierre; Saint-Jean; Saint-Denis;
Saint-Germain; Saint-Laurent; Saint-Vincent; Saint-Benoît; Saint-Genès; Saint-Didier; Saint-Aignan; Saint-Cyr;
Saint-Hilaire; Saint-Marcel; Saint-Antoine; Saint-Roch; Saint-Sébastien; Sainte-Anne; Sainte-Barbe; Sainte-Catherine;
Sainte-Marie; Sainte-Hélène; Notre-Dame"""

#: Where each theme is at home, by character of the district, best first.
_THEMES = {
    "lane": ("trades", "saints", "places"), "faubourg": ("places", "figures", "saints", "trades"),
    "inner": ("figures", "places", "plants"), "suburb": ("plants", "figures", "places"),
    "fringe": ("plants", "places"), "dead-end": ("plants", "places"), "estate": ("figures", "plants"),
    "activity": ("figures",), "hospital": ("figures",),
}  # fmt: skip
_TYPES = {
    "lane": ("Rue", "Rue", "Rue", "Ruelle", "Place", "Passage"), "faubourg": ("Rue", "Rue", "Rue", "Rue", "Place"),
    "inner": ("Rue", "Rue", "Rue", "Rue", "Square"), "suburb": ("Rue", "Rue", "Allée", "Chemin"),

   "fringe": ("Chemin", "Rue"), "dead-end": ("Impasse", "Impasse", "Allée", "Clos"), "estate": ("Rue", "Allée", "Mail"),
    "activity": ("Rue", "Rue"), "hospital": ("Rue",),
}  # fmt: skip


def _list(text: str) -> list[str]:
    return [item.strip().split("|")[-1] for item in text.replace("\n", " ").split(";")]


class Namer:
    """Hands out street names, each base once per type of way, themed by district."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._bases = {
            "figures": _list(FIGURES),
            "plants": _list(PLANTS),
            "trades": _list(TRADES),
            "places": _list(PLACES),
            "saints": _list(SAINTS),
        }
        for bases in self._bases.values():
            rng.shuffle(bases)
        self._used: set[str] = set()

    def name(self, kind: str) -> str:
        """Return a name never given before."""
        for theme in (*_THEMES[kind], "figures", "plants", "places", "trades", "saints"):
            fitting = list(dict.fromkeys(self._rng.sample(_TYPES[kind], len(_TYPES[kind]))))
            # A second round lends "Impasse des Lilas" beside "Rue des Lilas": homonyms are part of real cities.
            for way_type in (fitting[0], *fitting[1:]):
                for base in self._bases[theme]:
                    name = f"{way_type} {base}"
                    if name not in self._used and (base not in self._used or way_type != "Rue"):
                        self._used |= {name, base}
                        self._bases[theme].remove(base)
                        self._bases[theme].append(base)
                        return name
        raise RuntimeError(f"no street name left for {kind}: add names to data/generator/names.py")
