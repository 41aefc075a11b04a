/// The description of the endpoint that the server gives of itself (OpenAPI 3.0.1), as clients build their calls from it.
struct Swagger {
  /// `NAME/VERSION`.
  let endpoint: String
  /// The fields of an entity in that contract.
  let fields: (String) -> [ContractField]

  private static let valueTypes: [(name: String, type: String, format: String?)] = [
    ("StringValue", "string", nil), ("BooleanValue", "boolean", nil), ("IntValue", "integer", "int32"), ("LongValue", "integer", "int64"),
    ("ShortValue", "integer", "int32"), ("ByteValue", "integer", "int32"), ("DecimalValue", "number", "double"),
    ("DoubleValue", "number", "double"), ("DateTimeValue", "string", "date-time"), ("GuidValue", "string", "uuid"),
  ]

  /// Types of linked records by the field's name, where the table names none.
  private static let linkedTypes = ["Address": "Address", "ContactInfo": "Contact", "Reminder": "ReminderDetail"]
  /// Entities that are no part of others.
  private static let entities = ["Contact", "Employee", "Task", "Event", "Email", "Activity"]

  /// The whole document.
  var document: JSONValue {
    .object([
      "openapi": .text("3.0.1"), "info": Self.object([("title", .text(endpoint)), ("version", .text("4"))]),
      "servers": .list([Self.object([("url", .text("/entity/\(endpoint)"))])]), "paths": .object(Self.paths()),
      "components": Self.object([("schemas", .object(schemas())), ("parameters", .object(Self.parameters()))]),
    ])
  }

  // MARK: Schemas

  private func schemas() -> [String: JSONValue] {
    var result: [String: JSONValue] = [:]
    for value in Self.valueTypes {
      var content: [(String, JSONValue)] = [("type", .text(value.type))]
      if let format = value.format { content.append(("format", .text(format))) }
      result[value.name] = Self.properties([("value", Self.object(content)), ("error", Self.text)])
    }
    result["Entity"] = Self.properties([
      ("id", Self.object([("type", .text("string")), ("format", .text("uuid"))])),
      ("rowNumber", Self.object([("type", .text("integer")), ("format", .text("int64"))])), ("note", Self.reference("StringValue")),
      ("custom", Self.object([("type", .text("object"))])), ("error", Self.text),
      ("files", Self.object([("type", .text("array")), ("items", Self.reference("FileLink"))])),
    ])
    result["FileLink"] = Self.properties([
      ("id", Self.object([("type", .text("string")), ("format", .text("uuid"))])), ("filename", Self.text), ("href", Self.text),
      ("comment", Self.text),
    ])
    for name in FieldTable.entities.keys { result[name] = Self.entity(fields(name).compactMap { Self.property($0) }) }
    for (name, actions) in ERPActions.all {
      for action in actions.keys {
        result[action] = .object([
          "required": .list([.text("entity")]), "type": .text("object"), "properties": Self.object([("entity", Self.reference(name))]),
        ])
      }
    }
    return result
  }

  private static func property(_ field: ContractField) -> (String, JSONValue)? {
    let type: String? =
      switch field.kind {
      case .text: "StringValue"
      case .flag: "BooleanValue"
      case .number: "IntValue"
      case .time: "DateTimeValue"
      case .guid: "GuidValue"
      case .linked, .details: field.part ?? linkedTypes[field.name]
      }
    return type.map { (field.name, field.kind == .details ? list($0) : reference($0)) }
  }

  private static func entity(_ fields: [(String, JSONValue)]) -> JSONValue {
    .object(["allOf": .list([reference("Entity"), properties(fields)])])
  }

  // MARK: Paths

  private static func paths() -> [String: JSONValue] {
    var result: [String: JSONValue] = [:]
    for entity in entities {
      let reading = ["select", "filter", "expand", "custom"]
      result["/\(entity)"] = object([
        ("get", operation(entity, "GetList", parameters: reading + ["skip", "top"], answer: list(entity))),
        ("put", operation(entity, "PutEntity", parameters: reading, body: reference(entity), answer: reference(entity))),
      ])
      result["/\(entity)/{id}"] = object([
        ("get", operation(entity, "GetById", parameters: ["id"] + reading, answer: reference(entity))),
        ("delete", operation(entity, "DeleteById", parameters: ["id"])),
      ])
      result["/\(entity)/{ids}"] = object([
        ("get", operation(entity, "GetByKeys", parameters: ["ids"] + reading, answer: reference(entity))),
        ("delete", operation(entity, "DeleteByKeys", parameters: ["ids"])),
      ])
      result["/\(entity)/{ids}/files/{filename}"] = object([("put", operation(entity, "PutFile", parameters: ["ids", "filename"]))])
      result["/\(entity)/$adHocSchema"] = object([("get", operation(entity, "GetAdHocSchema", parameters: [], answer: reference(entity)))])
      for action in (ERPActions.all[entity] ?? [:]).keys {
        result["/\(entity)/\(action)"] = object([
          ("post", operation(entity, "InvokeAction_\(action)", parameters: [], body: reference(action)))
        ])
      }
    }
    return result
  }

  private static func operation(
    _ entity: String, _ name: String, parameters: [String], body: JSONValue? = nil, answer: JSONValue? = nil
  ) -> JSONValue {
    func content(_ schema: JSONValue) -> JSONValue { object([("application/json", object([("schema", schema)]))]) }
    var result: [String: JSONValue] = [
      "tags": .list([.text(entity)]), "operationId": .text("\(entity)_\(name)"), "summary": .text("\(name) of \(entity)"),
      "parameters": .list(parameters.map { object([("$ref", .text("#/components/parameters/\($0)"))]) }),
    ]
    if let body { result["requestBody"] = object([("required", .flag(true)), ("content", content(body))]) }
    if let answer {
      result["responses"] = object([("200", object([("description", .text("The record or records.")), ("content", content(answer))]))])
    } else {
      result["responses"] = object([("204", object([("description", .text("Done."))]))])
    }
    return .object(result)
  }

  private static func parameters() -> [String: JSONValue] {
    var result: [String: JSONValue] = [:]
    for name in ["select", "filter", "expand", "custom", "skip", "top"] {
      let type = ["skip", "top"].contains(name) ? "integer" : "string"
      result[name] = object([("name", .text("$" + name)), ("in", .text("query")), ("schema", object([("type", .text(type))]))])
    }
    for name in ["id", "ids", "filename"] {
      result[name] = object([("name", .text(name)), ("in", .text("path")), ("required", .flag(true)), ("schema", text)])
    }
    return result
  }

  // MARK: Parts

  private static let text = object([("type", .text("string"))])

  private static func reference(_ name: String) -> JSONValue { object([("$ref", .text("#/components/schemas/\(name)"))]) }

  private static func list(_ name: String) -> JSONValue { object([("type", .text("array")), ("items", reference(name))]) }

  private static func properties(_ pairs: [(String, JSONValue)]) -> JSONValue {
    object([("type", .text("object")), ("properties", object(pairs))])
  }

  private static func object(_ pairs: [(String, JSONValue)]) -> JSONValue {
    .object(Dictionary(pairs, uniquingKeysWith: { first, _ in first }))
  }
}
