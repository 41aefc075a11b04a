/// A person of the company.
public struct SeedEmployee: Sendable, Hashable {
  /// The id in the ERP.
  public var id: String
  /// The name.
  public var name: String
  /// The mailbox's address.
  public var email: String
  /// The workgroup.
  public var workgroup: String
}

/// A contact of the company, in the ERP's terms.
public struct SeedContact: Sendable, Hashable {
  /// Contract names with values.
  public var fields: [String: String]
  /// Names of the Address contract with values.
  public var address: [String: String]
}

/// A made-up company: the same seed gives the same people and records. All addresses end in `.test`.
public struct Company: Sendable {
  /// The people.
  public let employees: [SeedEmployee]
  /// The contacts.
  public let contacts: [SeedContact]

  /// A company of this size.
  public init(seed: UInt64, employees employeeCount: Int, contacts contactCount: Int) {
    var random = RandomNumbers(seed: seed)
    var people: [SeedEmployee] = []
    for index in 0..<employeeCount {
      let language = Names.latin[index % Names.latin.count]
      let given = index < 3 ? ["Alice", "Bob", "Carol"][index] : random.pick(language.given)
      let family = random.pick(language.family)
      let mail = index < 3 ? given.lowercased() : "\(Names.ascii(given)).\(Names.ascii(family))\(index)"
      people.append(
        SeedEmployee(
          id: "EP" + Self.digits(index + 1, 8), name: "\(given) \(family)", email: "\(mail)@example.test",
          workgroup: ["Sales", "Service", "Projects"][index % 3]))
    }
    employees = people
    var contacts: [SeedContact] = []
    for index in 0..<contactCount { contacts.append(Self.contact(index, people, &random)) }
    // Two people of one name, in different companies.
    if contactCount > 3 {
      for name in ["FirstName", "MiddleName", "LastName"] { contacts[1].fields[name] = contacts[0].fields[name] }
    }
    self.contacts = contacts
  }

  private static func contact(_ index: Int, _ people: [SeedEmployee], _ random: inout RandomNumbers) -> SeedContact {
    let language = Names.all[random.below(Names.all.count)]
    let company = random.pick(Names.companies)
    var fields: [String: String] = [:]
    var address: [String: String] = [:]
    let given = random.pick(language.given)
    let family = random.pick(language.family)
    if !random.chance(4) { fields["FirstName"] = given }
    fields["LastName"] = family
    if random.chance(12) { fields["MiddleName"] = random.pick(language.given) }
    if random.chance(15) { fields["Title"] = random.pick(["Dr.", "Prof.", "Mr.", "Ms."]) }
    if random.chance(85) {
      fields["CompanyName"] = random.chance(6) ? company + " \"Söhne\", Abteilung für Sonderaufgaben; Lager & Versand" : company
    }
    if random.chance(70) {
      fields["JobTitle"] = random.pick(Names.jobs) + (random.chance(5) ? ", " + String(repeating: "Region Nord ", count: 12) : "")
    }
    if !random.chance(8) { fields["Email"] = "\(Names.ascii(given)).\(Names.ascii(family)).\(index)@\(Names.domain(company))" }
    let phones = ["Business 1", "Cell", "Home", "Business 2", "Assistant"]
    for (slot, label) in zip(["Phone1", "Phone2", "Phone3"], phones.shuffled(using: &random)) where random.chance(55) {
      fields[slot] = "\(language.prefix) \(100 + random.below(900)) \(100 + random.below(900)) \(10 + random.below(90))"
      fields[slot + "Type"] = label
    }
    if random.chance(12) {
      fields["Fax"] = "\(language.prefix) \(100 + random.below(900)) 999 \(10 + random.below(90))"
      fields["FaxType"] = "Fax"
    }
    if random.chance(30) { fields["WebSite"] = "https://www.\(Names.domain(company))/" }
    if random.chance(25) {
      fields["DateOfBirth"] =
        "\(1940 + random.below(65))-\(digits(1 + random.below(12), 2))-\(digits(1 + random.below(28), 2))T00:00:00.000+00:00"
    }
    if random.chance(8) { fields["SpouseOrPartnerName"] = random.pick(language.given) }
    fields["ContactClass"] = random.pick(["CUSTOMER", "VENDOR", "PROSPECT"])
    if !people.isEmpty, random.chance(80) {
      let owner = random.pick(people)
      fields["Owner"] = owner.id
      fields["OwnerEmployeeName"] = owner.name
      fields["Workgroup"] = owner.workgroup
    }
    if random.chance(75) {
      address["AddressLine1"] = "\(random.pick(language.streets)) \(1 + random.below(180))"
      if random.chance(15) { address["AddressLine2"] = "c/o \(company)" }
      address["City"] = random.pick(language.cities)
      address["PostalCode"] = digits(1000 + random.below(89000), 5)
    }
    address["Country"] = language.country
    return SeedContact(fields: fields, address: address)
  }

  static func digits(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
