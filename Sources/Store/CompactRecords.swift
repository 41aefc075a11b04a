import Model

/// A value that the store keeps as compact text.
protocol CompactRecord {
  init(from reader: inout CompactReader) throws
  func write(to writer: inout CompactWriter)
}

extension Entity: CompactRecord {
  init(from reader: inout CompactReader) throws {
    let (id, key, version) = (EntityID(rawValue: try reader.text()), try reader.text(), try reader.text())
    let modified = try reader.optionalTime()
    let (owner, ownerName, workgroup) = (try reader.optionalText(), try reader.optionalText(), try reader.optionalText())
    let isInScope = try reader.flag()
    let operation = try reader.optionalText().map(OperationID.init)
    self.init(
      id: id, key: key, version: version, modified: modified, fields: try Fields(from: &reader), owner: owner, ownerName: ownerName,
      workgroup: workgroup, isInScope: isInScope, operationID: operation)
  }

  func write(to writer: inout CompactWriter) {
    writer.write(id.rawValue)
    writer.write(key)
    writer.write(version)
    writer.write(modified)
    writer.write(owner)
    writer.write(ownerName)
    writer.write(workgroup)
    writer.write(isInScope)
    writer.write(operationID?.rawValue)
    fields.write(to: &writer)
  }
}

extension Item: CompactRecord {
  init(from reader: inout CompactReader) throws {
    let version = ItemVersion(id: ItemID(rawValue: try reader.text()), changeKey: try reader.text())
    let folder = try reader.optionalText().map(FolderID.init)
    let foreignID = try reader.optionalText().map(EntityID.init)
    let operation = try reader.optionalText().map(OperationID.init)
    let (isPrivate, isForeignClass) = (try reader.flag(), try reader.flag())
    let (created, modified) = (try reader.optionalTime(), try reader.optionalTime())
    let moveKey = try reader.optionalText()
    let form = try reader.optionalText().map { name in
      guard let form = ItemForm(rawValue: name) else { throw reader.malformed }
      return form
    }
    self.init(
      version: version, folder: folder, fields: try Fields(from: &reader), foreignID: foreignID, operationID: operation,
      isPrivate: isPrivate, isForeignClass: isForeignClass, created: created, modified: modified, moveKey: moveKey, form: form)
    // Caches of before end here.
    size = reader.isAtEnd ? nil : Int(try reader.number())
  }

  func write(to writer: inout CompactWriter) {
    writer.write(version.id.rawValue)
    writer.write(version.changeKey)
    writer.write(folder?.rawValue)
    writer.write(foreignID?.rawValue)
    writer.write(operationID?.rawValue)
    writer.write(isPrivate)
    writer.write(isForeignClass)
    writer.write(created)
    writer.write(modified)
    writer.write(moveKey)
    writer.write(form?.rawValue)
    fields.write(to: &writer)
    if let size { writer.write(Int64(size)) }
  }
}

extension Base: CompactRecord {
  init(from reader: inout CompactReader) throws {
    let version = try reader.optionalText()
    self.init(fields: try Fields(from: &reader), version: version)
  }

  func write(to writer: inout CompactWriter) {
    writer.write(version)
    fields.write(to: &writer)
  }
}

extension Fields: CompactRecord {
  init(from reader: inout CompactReader) throws {
    let count = try reader.count()
    var values: [Field: Value] = Dictionary(minimumCapacity: count)
    for _ in 0..<count { values[Field(rawValue: try reader.text())] = try Value(from: &reader) }
    self.init(values)
  }

  func write(to writer: inout CompactWriter) {
    let names = names
    writer.write(Int64(names.count))
    for name in names {
      guard let value = self[name] else { continue }
      writer.write(name.rawValue)
      value.write(to: &writer)
    }
  }
}

extension Value: CompactRecord {
  init(from reader: inout CompactReader) throws {
    switch try reader.mark() {
    case "t": self = .text(try reader.text())
    case "n": self = .number(Int(try reader.number()))
    case "f": self = .flag(try reader.flag())
    case "d":
      guard let date = CivilDate(iso8601: try reader.text()) else { throw reader.malformed }
      self = .date(date)
    case "i":
      let instant = Timestamp(milliseconds: try reader.number())
      self = .instant(instant, zone: try reader.optionalText())
    case "s":
      var elements: [String] = []
      for _ in 0..<(try reader.count()) { elements.append(try reader.text()) }
      self = .set(elements)
    case "a":
      var people: [Attendee] = []
      for _ in 0..<(try reader.count()) {
        people.append(
          Attendee(
            address: try reader.text(), name: try reader.text(), isOptional: try reader.flag(), answer: try reader.text()))
      }
      self = .attendees(people)
    case "o": self = .opaque(try reader.text())
    default: throw reader.malformed
    }
  }

  func write(to writer: inout CompactWriter) {
    switch self {
    case .text(let text):
      writer.write(mark: "t")
      writer.write(text)
    case .number(let number):
      writer.write(mark: "n")
      writer.write(Int64(number))
    case .flag(let flag):
      writer.write(mark: "f")
      writer.write(flag)
    case .date(let date):
      writer.write(mark: "d")
      writer.write(date.description)
    case .instant(let instant, let zone):
      writer.write(mark: "i")
      writer.write(instant.milliseconds)
      writer.write(zone)
    case .set(let elements):
      writer.write(mark: "s")
      writer.write(Int64(elements.count))
      for element in elements { writer.write(element) }
    case .attendees(let people):
      writer.write(mark: "a")
      writer.write(Int64(people.count))
      for person in people {
        writer.write(person.address)
        writer.write(person.name)
        writer.write(person.isOptional)
        writer.write(person.answer)
      }
    case .opaque(let text):
      writer.write(mark: "o")
      writer.write(text)
    }
  }
}

extension [String: String]: CompactRecord {
  init(from reader: inout CompactReader) throws {
    self.init()
    for _ in 0..<(try reader.count()) {
      let key = try reader.text()
      self[key] = try reader.text()
    }
  }

  func write(to writer: inout CompactWriter) {
    writer.write(Int64(count))
    for (key, value) in sorted(by: { $0.key < $1.key }) {
      writer.write(key)
      writer.write(value)
    }
  }
}
