import MIMEShim

extension MIMEMessage {
  /// Takes a message apart, leniently: whatever can be read is read.
  /// - Returns: nil when the bytes are no message at all.
  public init?(parsing bytes: [UInt8]) {
    let parsed = bytes.withUnsafeBytes { buffer in
      buffer.bindMemory(to: CChar.self).baseAddress.flatMap { mimeshim_message_parse($0, buffer.count) }
    }
    guard let parsed else { return nil }
    defer { mimeshim_message_free(parsed) }
    subject = mimeshim_message_subject(parsed).map { HeaderText.clean(String(cString: $0)) } ?? ""
    messageID = mimeshim_message_id(parsed).map { "<\(String(cString: $0))>" }
    var seconds: Int64 = 0
    if mimeshim_message_date(parsed, &seconds) == 0 { date = seconds }
    from = Self.addresses(parsed, MIMESHIM_FROM)
    sender = Self.addresses(parsed, MIMESHIM_SENDER).first
    to = Self.addresses(parsed, MIMESHIM_TO)
    cc = Self.addresses(parsed, MIMESHIM_CC)
    bcc = Self.addresses(parsed, MIMESHIM_BCC)
    readParts(parsed)
  }

  /// Reads an address list as people type it: commas, semicolons or line ends between the addresses. A further line that begins like
  /// another header is none.
  public static func addresses(in text: String) -> [MIMEAddress] {
    let lines = text.split(whereSeparator: \.isNewline)
    let own = lines.prefix(1) + lines.dropFirst().filter { $0.prefixMatch(of: #/\s*[A-Za-z\-]+:/#) == nil }
    return own.flatMap { addresses(inLine: String($0)) }
  }

  private static func addresses(inLine text: String) -> [MIMEAddress] {
    var isQuoted = false
    let list = HeaderText.clean(text).map { character -> Character in
      if character == "\"" { isQuoted.toggle() }
      return character == ";" && !isQuoted ? "," : character
    }
    let collector = AddressCollector()
    withExtendedLifetime(collector) {
      mimeshim_addresses_parse(String(list), AddressCollector.sink, Unmanaged.passUnretained(collector).toOpaque())
    }
    return collector.people.filter { HeaderText.address($0.address) != nil }
  }

  /// An address list as people read it, and as `addresses(in:)` reads it back.
  public static func text(of people: [MIMEAddress]) -> String {
    people.map { person in
      let name = HeaderText.clean(person.name)
      guard !name.isEmpty else { return person.address }
      let isPlain = name.unicodeScalars.allSatisfy {
        $0.properties.isAlphabetic || $0 == " " || $0.value > 0x7F || "0123456789-'_".unicodeScalars.contains($0)
      }
      return isPlain
        ? "\(name) <\(person.address)>" : "\"\(name.replacing("\\", with: "").replacing("\"", with: "'"))\" <\(person.address)>"
    }.joined(separator: "; ")
  }

  private static func addresses(_ parsed: OpaquePointer, _ field: mimeshim_address_field) -> [MIMEAddress] {
    let collector = AddressCollector()
    withExtendedLifetime(collector) {
      mimeshim_message_addresses(parsed, field, AddressCollector.sink, Unmanaged.passUnretained(collector).toOpaque())
    }
    return collector.people
  }

  /// Texts become the body, of alternatives the best; all else becomes files.
  private mutating func readParts(_ parsed: OpaquePointer) {
    let parts = (0..<mimeshim_message_part_count(parsed)).map { mimeshim_message_part(parsed, $0) }
    var names: Set<String> = []
    for (index, part) in parts.enumerated() {
      guard let content = Collector.bytes({ mimeshim_message_content(parsed, index, Collector.sink, $0) }) else { continue }
      let type = String(cString: part.type)
      if part.is_text != 0, part.is_attachment == 0, part.name == nil {
        append(String(decoding: content, as: UTF8.self), isHTML: type == "text/html", isAlternative: part.alternative != 0)
        continue
      }
      var given = part.name.map { String(cString: $0) } ?? (part.is_message != 0 ? "message" : "attachment-\(index + 1)")
      // A message's name is its subject, which may hold slashes; a file's may be a path, of which the end counts.
      if part.is_message != 0 { given = given.replacing("/", with: "-").replacing("\\", with: "-") }
      given = HeaderText.fileName(given)
      let name = Self.distinct(part.is_message != 0 ? given + ".eml" : given, among: &names)
      attachments.append(
        MIMEAttachment(name: name, type: type, contentID: part.content_id.map { String(cString: $0) }, bytes: content))
    }
  }

  /// Further texts of the message follow the first, each in the form that is there.
  private mutating func append(_ content: String, isHTML: Bool, isAlternative: Bool) {
    if isHTML {
      html = (html ?? "") + content
    } else if isAlternative || html == nil {
      text = (text.map { $0 + "\n" } ?? "") + content
    } else {
      html = (html ?? "") + HTMLText.html(from: content)
      text = text.map { $0 + "\n" + content }
    }
  }

  /// Two files of one message never share a name: the ERP would take the second for a new revision of the first.
  private static func distinct(_ name: String, among names: inout Set<String>) -> String {
    var result = name
    var number = 2
    while !names.insert(result.lowercased()).inserted {
      let dot = name.lastIndex(of: ".") ?? name.endIndex
      result = "\(name[..<dot]) (\(number))\(name[dot...])"
      number += 1
    }
    return result
  }
}

private final class AddressCollector {
  var people: [MIMEAddress] = []

  static let sink: mimeshim_address_sink = { context, name, address in
    guard let context else { return }
    Unmanaged<AddressCollector>.fromOpaque(context).takeUnretainedValue().people.append(
      MIMEAddress(name: name.map { HeaderText.clean(String(cString: $0)) } ?? "", address: String(cString: address)))
  }
}
