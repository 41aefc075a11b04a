import MIMEShim

extension MIMEMessage {
  /// The message as bytes: the same message and seed give the same bytes, always. UTF-8, CRLF line ends, base64 files.
  ///
  /// What headers cannot hold is made fit: control characters become blanks, an address that mail cannot carry is left out.
  /// - Parameter seed: stands in the boundaries; letters and digits of an id of the record's own.
  /// - Returns: nil without memory.
  public func composed(seed: String) -> [UInt8]? {
    let letters = seed.unicodeScalars.filter { $0.isASCII && $0.properties.isAlphabetic || ("0"..."9").contains($0) }
    // An equals sign at such a place comes neither in quoted-printable nor in base64: no content can hold the boundary.
    guard let builder = mimeshim_builder_create("=_" + String(String.UnicodeScalarView(letters.prefix(40)))) else { return nil }
    defer { mimeshim_builder_free(builder) }
    write(from, MIMESHIM_FROM, builder)
    write(sender.map { [$0] } ?? [], MIMESHIM_SENDER, builder)
    write(to, MIMESHIM_TO, builder)
    write(cc, MIMESHIM_CC, builder)
    write(bcc, MIMESHIM_BCC, builder)
    if let date { mimeshim_builder_date(builder, date) }
    mimeshim_builder_subject(builder, HeaderText.clean(subject))
    if let messageID, let id = HeaderText.messageID(messageID) { mimeshim_builder_message_id(builder, id) }
    for (subtype, text) in [("plain", text), ("html", html)] {
      guard var text = text ?? (subtype == "plain" && html == nil ? "" : nil) else { continue }
      text.withUTF8 { utf8 in Self.withCharacters(UnsafeRawBufferPointer(utf8)) { mimeshim_builder_text(builder, subtype, $0, $1) } }
    }
    for file in attachments {
      let name = HeaderText.fileName(file.name)
      let type = HeaderText.mediaType(file.type)
      let contentID = file.contentID.flatMap(HeaderText.messageID)
      file.bytes.withUnsafeBytes { bytes in
        Self.withCharacters(bytes) { mimeshim_builder_attach(builder, type, name, contentID, $0, $1) }
      }
    }
    return Collector.bytes { mimeshim_builder_write(builder, Collector.sink, $0) }
  }

  /// The bytes as C has them; a pointer also where there are none.
  private static func withCharacters(_ bytes: UnsafeRawBufferPointer, _ body: (UnsafePointer<CChar>, Int) -> Void) {
    guard let start = bytes.baseAddress else { return "".withCString { body($0, 0) } }
    body(start.assumingMemoryBound(to: CChar.self), bytes.count)
  }

  private func write(_ people: [MIMEAddress], _ field: mimeshim_address_field, _ builder: OpaquePointer) {
    for person in people {
      guard let address = HeaderText.address(person.address) else { continue }
      let name = HeaderText.clean(person.name)
      mimeshim_builder_address(builder, field, name.isEmpty ? nil : name, address)
    }
  }
}

/// Texts in the form that headers can hold.
enum HeaderText {
  /// One line: control characters and line ends become a single blank each run.
  static func clean(_ text: String) -> String {
    let scalars = text.unicodeScalars.map { scalar -> Character in
      switch scalar.properties.generalCategory {
      case .control, .lineSeparator, .paragraphSeparator, .surrogate: " "
      default: Character(scalar)
      }
    }
    return String(scalars).split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
  }

  /// What stands between the angle brackets; nil where nothing usable is there.
  static func messageID(_ text: String) -> String? {
    let inner = text.unicodeScalars.filter { $0.isASCII && $0.value > 0x20 && $0.value < 0x7F && $0 != "<" && $0 != ">" }
    return inner.isEmpty ? nil : String(String.UnicodeScalarView(inner))
  }

  /// An address that mail without SMTPUTF8 carries; nil where it is none. The domain may hold any letters: it travels as IDNA.
  static func address(_ text: String) -> String? {
    guard let at = text.lastIndex(of: "@"), at != text.startIndex else { return nil }
    let (local, domain) = (text[..<at], text[text.index(after: at)...])
    let refused: Set<Unicode.Scalar> = ["<", ">", ",", ";", ":", "(", ")", "[", "]", "\\", "\""]
    guard local.unicodeScalars.allSatisfy({ $0.isASCII && $0.value > 0x20 && $0.value < 0x7F && !refused.contains($0) && $0 != "@" }),
      !domain.isEmpty,
      domain.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F && !refused.contains($0) && !$0.properties.isWhitespace })
    else { return nil }
    return text
  }

  /// A name without a path.
  static func fileName(_ name: String) -> String {
    let last = clean(name).split { $0 == "/" || $0 == "\\" }.last.map(String.init) ?? ""
    return last.isEmpty ? "attachment" : last
  }

  static func mediaType(_ type: String) -> String {
    let isPlain = type.unicodeScalars.allSatisfy {
      $0.isASCII && ($0.properties.isAlphabetic || "0123456789/.+-_".unicodeScalars.contains($0))
    }
    return isPlain && type.split(separator: "/").count == 2 ? type.lowercased() : "application/octet-stream"
  }
}

/// Gathers what the shim gives out in pieces.
final class Collector {
  private var bytes: [UInt8] = []

  static let sink: mimeshim_sink = { context, bytes, length in
    guard let context else { return }
    Unmanaged<Collector>.fromOpaque(context).takeUnretainedValue().bytes += UnsafeRawBufferPointer(start: bytes, count: length)
  }

  /// What `write` gave to the sink; nil when it failed.
  static func bytes(_ write: (UnsafeMutableRawPointer) -> CInt) -> [UInt8]? {
    let collector = Collector()
    // The collector outlives the call, and the sink is called within it alone.
    let code = withExtendedLifetime(collector) { write(Unmanaged.passUnretained(collector).toOpaque()) }
    return code == 0 ? collector.bytes : nil
  }
}
