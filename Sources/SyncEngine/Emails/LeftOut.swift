import MIME

/// A file that did not travel because it is larger than the account's `attachment_limit`, or because the receiving side refused it.
struct LeftOut: Sendable {
  var name: String
  /// Bytes that it may have had.
  var limit: Int
  /// Why the receiving side refused it; nil: too large.
  var refusal: String?

  var logLine: String {
    refusal.map { "the attachment '\(name)' was refused and left out: \($0)" }
      ?? "the attachment '\(name)' is larger than the attachment_limit of \(Self.size(limit)) and was left out"
  }

  private func note(_ place: String) -> String {
    let reason = refusal == nil ? "larger than \(Self.size(limit))" : "refused"
    return "[Attachment left out: \"\(name)\", \(reason). It is \(place).]"
  }

  /// An HTML body with a note at its end.
  static func html(_ body: String, _ files: [LeftOut], _ place: String) -> String {
    guard !files.isEmpty else { return body }
    let notes = files.map { "<p>\(HTMLText.escaped($0.note(place)))</p>" }.joined(separator: "\n")
    return HTMLText.appending(notes, to: body)
  }

  /// A plain body with a note at its end.
  static func text(_ body: String, _ files: [LeftOut], _ place: String) -> String {
    guard !files.isEmpty else { return body }
    return body + "\n\n" + files.map { $0.note(place) }.joined(separator: "\n") + "\n"
  }

  private static func size(_ bytes: Int) -> String {
    bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(max(1, bytes >> 10)) KiB"
  }
}

/// Media types of files that the ERP names without one, by their endings.
enum MediaType {
  private static let types = [
    "pdf": "application/pdf", "txt": "text/plain", "csv": "text/csv", "htm": "text/html", "html": "text/html", "xml": "application/xml",
    "json": "application/json", "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif", "tif": "image/tiff",
    "tiff": "image/tiff", "svg": "image/svg+xml", "zip": "application/zip", "ics": "text/calendar", "vcf": "text/vcard",
    "doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "odt": "application/vnd.oasis.opendocument.text",
    "ods": "application/vnd.oasis.opendocument.spreadsheet", "mp3": "audio/mpeg", "mp4": "video/mp4",
  ]

  /// The media type of a file, by the ending of its name.
  static func of(_ name: String) -> String {
    name.split(separator: ".").last.flatMap { types[$0.lowercased()] } ?? "application/octet-stream"
  }
}
