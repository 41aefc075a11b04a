import Foundation

/// Countries as the ERP has them (ISO 3166 codes) and as mailboxes have them (names in people's languages), by CLDR's names.
enum Countries {
  /// Languages whose names are recognised when an item is read; names are written in English.
  private static let languages = [
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "pl", "cs", "el", "ru", "uk", "tr", "ja", "zh", "ar", "he",
  ]

  private static let codes = Locale.Region.isoRegions.map(\.identifier).filter { $0.count == 2 && $0.allSatisfy(\.isLetter) }

  private static let english = Locale(identifier: "en")

  private static let byName: [String: String] = {
    var result: [String: String] = [:]
    for language in languages {
      let locale = Locale(identifier: language)
      for code in codes {
        guard let name = locale.localizedString(forRegionCode: code) else { continue }
        result[folded(name)] = result[folded(name)] ?? code
      }
    }
    for (name, code) in ["usa": "US", "u.s.a.": "US", "united states of america": "US", "uk": "GB", "great britain": "GB", "england": "GB"]
    {
      result[name] = code
    }
    return result
  }()

  /// The code of a country given by code or name; nil: not recognised.
  static func code(of text: String) -> String? {
    let upper = text.uppercased()
    if upper.count == 2, codes.contains(upper) { return upper }
    return byName[folded(text)]
  }

  /// The English name of a code; nil: no such code.
  static func name(of code: String) -> String? {
    codes.contains(code.uppercased()) ? english.localizedString(forRegionCode: code.uppercased()) : nil
  }

  private static func folded(_ name: String) -> String { name.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil) }
}
