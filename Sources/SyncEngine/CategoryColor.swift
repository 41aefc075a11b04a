/// The 25 colours of Exchange's category list as RGB, for vdir's `color` file. Exchange stores only the index; the tints are what Outlook shows.
enum CategoryColor {
  private static let tints = [
    "#E74856", "#FF8C00", "#FFAB45", "#FFF100", "#47D041", "#30C6CC", "#73AA24", "#00BCF2", "#8764B8", "#F495BF", "#A0AEB2", "#004B60",
    "#B1ADAB",
    "#5D5A58", "#000000", "#750B1C", "#CA5010", "#AB620D", "#C19C00", "#004B1C", "#004B50", "#0B6A0B", "#002050", "#32145A", "#5C005C",
  ]

  /// `#RRGGBB` of a colour's index, 0 to 24; nil for none.
  static func hexadecimal(_ index: Int) -> String? { tints.indices.contains(index) ? tints[index] : nil }
}
