import Foundation

/// One row of a detail array.
struct DetailRow: Sendable, Codable {
  /// Changes with every saving: clients read, then write at once.
  var id: String
  var fields: [String: JSONValue] = [:]
  var custom: [String: JSONValue] = [:]
}

extension ERPServer {
  /// Fields that tell rows without id apart, by the contract of the row.
  private static let rowKeys = ["EventAttendee": "Email"]

  /// Rows as the API takes them: an id selects one, `delete` removes it, a row without id is matched by its key or added.
  func setDetails(_ field: ContractField, _ value: JSONValue, _ record: inout ServerRecord, _ refused: inout [String: String]) {
    guard !field.isReadOnly, let part = field.part, case .list(let rows) = value else { return }
    var kept = record.details[field.name] ?? []
    for sent in rows {
      guard case .object(let object) = sent else { continue }
      var place: Int?
      if let id = object["id"]?.text {
        place = kept.firstIndex { $0.id == id }
        if place == nil {
          refused[field.name] = "The row \(id) does not exist."
          continue
        }
      } else if let key = Self.rowKeys[part], let text = object[key]?.wrapped?.text?.lowercased() {
        place = kept.firstIndex { $0.fields[key]?.text?.lowercased() == text }
      }
      if object["delete"] == .flag(true) {
        if let place { kept.remove(at: place) }
        continue
      }
      var row = place.map { kept[$0] } ?? DetailRow(id: "")
      for own in fields(part) where !own.isReadOnly {
        guard case .object(let wrapper)? = object[own.name], let content = wrapper["value"] else { continue }
        if let fault = set(own, content, &row.fields) { refused["\(field.name)/\(own.name)"] = fault }
      }
      setCustom(object["custom"], part, &row.custom, &refused)
      if let place { kept[place] = row } else { kept.append(row) }
    }
    record.details[field.name] = kept
  }

  func renderDetails(_ field: ContractField, _ record: ServerRecord, _ query: Query) -> JSONValue {
    let part = field.part ?? ""
    let wanted = query.select.map { $0.filter { $0.hasPrefix(field.name + "/") } } ?? []
    let custom = query.custom.filter { $0.hasPrefix(field.name + "/") }.map { String($0.dropFirst(field.name.count + 1)) }
    let rows = record.details[field.name] ?? []
    return .list(
      rows.enumerated().map { index, row in
        var object: [String: JSONValue] = [
          "id": .text(row.id), "rowNumber": .number(Double(index + 1)), "note": .object(["value": .text("")]),
          "custom": Self.customValues(row.custom, part, custom),
        ]
        for own in fields(part) where wanted.isEmpty || wanted.contains("\(field.name)/\(own.name)") {
          object[own.name] = row.fields[own.column].map(Self.wrap) ?? .object([:])
        }
        return .object(object)
      })
  }

  /// Row ids are not stable between requests.
  func renumberDetails(_ record: inout ServerRecord) {
    for name in record.details.keys {
      for index in record.details[name]?.indices ?? 0..<0 {
        record.details[name]?[index].id = configuration.identifier()
      }
    }
  }

  // MARK: Elements outside the contract

  static func customValues(_ values: [String: JSONValue], _ entity: String, _ wanted: [String]) -> JSONValue {
    let types: [ContractField.Kind: String] = [.text: "CustomStringField", .flag: "CustomBooleanField", .number: "CustomIntField"]
    var views: [String: [String: JSONValue]] = [:]
    for path in wanted {
      let parts = path.split(separator: ".").map(String.init)
      guard parts.count == 2, let kind = FieldTable.custom[entity]?[path], let type = types[kind] else { continue }
      var element: [String: JSONValue] = ["type": .text(type)]
      element["value"] = values[path]
      views[parts[0], default: [:]][parts[1]] = .object(element)
    }
    return .object(views.mapValues { .object($0) })
  }

  func setCustom(_ sent: JSONValue?, _ entity: String, _ values: inout [String: JSONValue], _ refused: inout [String: String]) {
    guard case .object(let views)? = sent else { return }
    for (view, elements) in views {
      guard case .object(let elements) = elements else { continue }
      for (name, element) in elements {
        let path = "\(view).\(name)"
        guard FieldTable.custom[entity]?[path] != nil else { continue }
        let value = element["value"] ?? .null
        values[path] = value == .null || value == .text("") ? nil : value
      }
    }
  }
}
