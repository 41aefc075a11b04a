extension String {
  /// The parts between separators, which are ASCII. It goes by bytes: cursors and notes are taken apart in every cycle.
  func parts(at separator: Unicode.Scalar, omittingEmpty: Bool = false) -> [String] {
    utf8.split(separator: UInt8(ascii: separator), omittingEmptySubsequences: omittingEmpty).map { String(Substring($0)) }
  }
}
