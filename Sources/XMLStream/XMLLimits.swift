/// What a document may cost at most. Beyond a limit it is refused with an ``XMLError``.
public struct XMLLimits: Sendable, Equatable {
  /// Elements open at once (1...1024).
  public var depth: Int
  /// Bytes of character data that stand directly in one element.
  public var textBytes: Int
  /// Bytes of the document as it came.
  public var totalBytes: Int
  /// Elements of the document: an empty element of four bytes costs some hundred bytes of memory in the tree.
  public var elements: Int

  /// Limits; those not given are the standard ones: 64 deep, texts of 64 MiB, documents of 256 MiB and 4,000,000 elements.
  public init(depth: Int = 64, textBytes: Int = 64 << 20, totalBytes: Int = 256 << 20, elements: Int = 4_000_000) {
    self.depth = depth
    self.textBytes = textBytes
    self.totalBytes = totalBytes
    self.elements = elements
  }

  /// Enough for everything that Exchange sends: its requests end at 64 MiB, an item list at some ten thousand elements.
  public static let standard = XMLLimits()
}

/// Why and where a document was refused.
public struct XMLError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong, in one line. It may quote a few bytes of the document.
  public var message: String
  /// The line, from 1; 0 when no place can be told.
  public var line: Int
  /// The column in bytes, from 1; 0 when no place can be told.
  public var column: Int

  /// An error from its parts.
  public init(message: String, line: Int = 0, column: Int = 0) {
    self.message = message
    self.line = line
    self.column = column
  }

  /// `line 3, column 14: …`.
  public var description: String { line > 0 ? "line \(line), column \(column): \(message)" : message }
}
