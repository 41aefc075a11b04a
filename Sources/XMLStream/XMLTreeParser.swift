import XMLShim

/// A strict parser for one UTF-8 document that comes in pieces; it builds the tree of elements as they come.
///
/// Characters that XML 1.0 forbids though Exchange sends them are dropped first (ews.md, section 12). Refused are: any DOCTYPE, any entity
/// but the five predefined ones, anything not well-formed, and whatever is beyond ``XMLLimits``. A byte order mark may stand first.
/// After an error the parser is dead: every further call throws the same error.
public final class XMLTreeParser {
  /// Bytes given to libxml2 at once: it copies them into a buffer that grows with the piece.
  private static let pieceBytes = 64 << 10

  private let limits: XMLLimits
  private let builder: XMLTreeBuilder
  private let shim: OpaquePointer?
  private var filter = IllegalCharacterFilter()
  private var totalBytes = 0
  private var failure: XMLError?

  /// A parser at the beginning of a document.
  public init(limits: XMLLimits = .standard) {
    self.limits = limits
    builder = XMLTreeBuilder()
    // The builder outlives the shim's parser, and is called only from within `push`, which this object makes.
    var handler = xmlshim_handler()
    handler.context = Unmanaged.passUnretained(builder).toOpaque()
    handler.start = { context, name, namespace, attributes, count in
      guard let context else { return }
      Unmanaged<XMLTreeBuilder>.fromOpaque(context).takeUnretainedValue().start(name, namespace, attributes, count)
    }
    handler.end = { context, text, length in
      guard let context else { return }
      Unmanaged<XMLTreeBuilder>.fromOpaque(context).takeUnretainedValue().end(text, length)
    }
    shim = xmlshim_create(
      handler,
      xmlshim_limits(depth: max(1, limits.depth), text_bytes: max(0, limits.textBytes), elements: max(1, limits.elements)))
    if shim == nil { failure = XMLError(message: "the XML parser could not start: out of memory") }
  }

  deinit {
    if let shim { xmlshim_free(shim) }
  }

  /// Parses the next piece of the document.
  public func feed(_ bytes: [UInt8]) throws(XMLError) {
    try bytes.withUnsafeBufferPointer { (buffer) throws(XMLError) in try feed(buffer) }
  }

  /// Parses the next piece of the document.
  public func feed(_ bytes: UnsafeRawBufferPointer) throws(XMLError) {
    try feed(bytes.bindMemory(to: UInt8.self))
  }

  /// Ends the document and gives its root element.
  public func finish() throws(XMLError) -> XMLElement {
    if let failure { throw failure }
    filter.finish { push($0) }
    try check(code: shim.map { xmlshim_push($0, "", 0, 1) } ?? -1)
    guard let root = builder.root else { throw XMLError(message: "the document is empty") }
    return root
  }

  /// Whether the root element has ended.
  var rootEnded: Bool { builder.root != nil }

  func feed(_ bytes: UnsafeBufferPointer<UInt8>) throws(XMLError) {
    if let failure { throw failure }
    totalBytes += bytes.count
    guard totalBytes <= limits.totalBytes else {
      let error = XMLError(message: "the document is longer than \(limits.totalBytes) bytes")
      failure = error
      throw error
    }
    filter.filter(bytes) { push($0) }
    if let failure { throw failure }
  }

  private func push(_ run: UnsafeBufferPointer<UInt8>) {
    guard let shim else { return }
    var rest = UnsafeRawBufferPointer(run)
    while failure == nil, let start = rest.baseAddress, !rest.isEmpty {
      let count = min(rest.count, Self.pieceBytes)
      note(code: xmlshim_push(shim, start.assumingMemoryBound(to: CChar.self), count, 0))
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  private func check(code: CInt) throws(XMLError) {
    note(code: code)
    if let failure { throw failure }
  }

  private func note(code: CInt) {
    guard code != 0, failure == nil, let shim else { return }
    var line = 0
    var column = 0
    let message = String(cString: xmlshim_error(shim, &line, &column))
    failure = XMLError(message: message, line: line, column: column)
  }
}
