extension String {
  /// The parts between separators, which are ASCII. It goes by bytes: cursors and notes are taken apart in every cycle.
  func parts(at separator: Unicode.Scalar, omittingEmpty: Bool = false) -> [String] {
    var text = self
    return text.withUTF8 { bytes in
      var result: [String] = []
      var start = 0
      for end in 0...bytes.count where end == bytes.count || bytes[end] == UInt8(ascii: separator) {
        if end > start || !omittingEmpty {
          result.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self))
        }
        start = end + 1
      }
      return result
    }
  }
}
