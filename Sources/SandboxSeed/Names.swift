/// Parts that made-up people and companies are put together from.
enum Names {
  struct Language: Sendable {
    var country: String
    var prefix: String
    var given: [String]
    var family: [String]
    var streets: [String]
    var cities: [String]
  }

  static let latin: [Language] = [
    Language(
      country: "US", prefix: "+1", given: ["Grace", "Henry", "Olivia", "Samuel", "Zoë", "Ian"],
      family: ["Carter", "O'Brien", "Nguyen", "Smith-Jones", "Walker", "De la Cruz"],
      streets: ["Maple Street", "5th Avenue", "Harbor Road"],
      cities: ["Springfield", "Riverton", "Lakewood"]),
    Language(
      country: "DE", prefix: "+49", given: ["Jürgen", "Käthe", "Björn", "Anneliese", "Uwe"],
      family: ["Müller", "Weiß", "von der Heide", "Schäfer", "Groß"], streets: ["Hauptstraße", "Am Mühlbach", "Königsallee"],
      cities: ["Köln", "München", "Düsseldorf"]),
    Language(
      country: "FR", prefix: "+33", given: ["Éloïse", "François", "Noël", "Amélie"], family: ["Lefèvre", "Dupré", "L'Hôpital", "Garçon"],
      streets: ["rue de l'Église", "avenue des Tilleuls"], cities: ["Orléans", "Besançon", "Sète"]),
    Language(
      country: "PL", prefix: "+48", given: ["Łukasz", "Żaneta", "Stanisław"], family: ["Wójcik", "Świątek", "Grzegorczyk"],
      streets: ["ulica Długa", "Plac Zamkowy"], cities: ["Łódź", "Kraków", "Gdańsk"]),
    Language(
      country: "SE", prefix: "+46", given: ["Åsa", "Örjan", "Märta"], family: ["Ångström", "Lindqvist", "Sjöberg"],
      streets: ["Storgatan", "Östra vägen"],
      cities: ["Malmö", "Göteborg"]),
  ]

  static let all: [Language] =
    latin + latin + [
      Language(
        country: "UA", prefix: "+380", given: ["Олена", "Тарас", "Їжакевич"], family: ["Шевченко", "Ґонта", "Коваленко"],
        streets: ["вулиця Лесі Українки"],
        cities: ["Київ", "Львів"]),
      Language(
        country: "GR", prefix: "+30", given: ["Ελένη", "Γιώργος"], family: ["Παπαδόπουλος", "Ιωάννου"], streets: ["Οδός Ερμού"],
        cities: ["Αθήνα", "Θεσσαλονίκη"]),
      Language(
        country: "JP", prefix: "+81", given: ["花子", "健太", "さくら"], family: ["山田", "佐藤", "髙橋"], streets: ["中央通り"], cities: ["東京", "大阪"]),
      Language(country: "CN", prefix: "+86", given: ["伟", "秀英"], family: ["王", "欧阳"], streets: ["解放路"], cities: ["上海", "北京"]),
      Language(
        country: "EG", prefix: "+20", given: ["محمد", "ليلى"], family: ["الحسن", "عبد الله"], streets: ["شارع النيل"], cities: ["القاهرة"]),
      Language(country: "IL", prefix: "+972", given: ["דוד", "רחל"], family: ["כהן", "בן־דוד"], streets: ["רחוב הרצל"], cities: ["חיפה"]),
      Language(
        country: "ES", prefix: "+34", given: ["José María", "Begoña", "👩‍🔬 Íñigo"], family: ["Núñez", "García Lorca", "Ibáñez, hijo"],
        streets: ["Calle Mayor"],
        cities: ["A Coruña", "Málaga"]),
    ]

  static let companies = [
    "Acme Tools", "Blue Harbor Logistics", "Nordlicht Optik", "Café Éclair", "Samplewerk", "Quarry & Sons", "Fjord Supply", "山海貿易",
    "Ψηφιακή Τεχνική",
    "Granit Bau", "Orchard Foods", "Tandem Mobility",
  ]

  static let jobs = [
    "Buyer", "Head of Purchasing", "Geschäftsführerin", "Directeur général", "CTO", "Office manager", "営業部長", "Field engineer",
  ]

  /// Letters that every mail system takes; what has none becomes `x` and a number of its own.
  static func ascii(_ name: String) -> String {
    let table: [Character: String] = [
      "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "é": "e", "è": "e", "ï": "i", "ë": "e", "ç": "c", "ô": "o", "ł": "l", "ż": "z", "ó": "o",
      "ś": "s", "ą": "a",
      "å": "a", "ñ": "n", "á": "a", "í": "i",
    ]
    let letters = name.lowercased().compactMap { character -> String? in
      if let plain = table[character] { return plain }
      return character.isASCII && character.isLetter ? String(character) : nil
    }
    return letters.isEmpty ? "x\(name.unicodeScalars.reduce(0) { $0 + Int($1.value) } % 1000)" : letters.joined()
  }

  /// The company's mail domain.
  static func domain(_ company: String) -> String { ascii(company) + ".test" }
}
