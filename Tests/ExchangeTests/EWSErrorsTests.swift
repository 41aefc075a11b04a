import FakeTransport
import Model
import Testing
import Transport

@testable import Exchange

/// The table of errors: what each code of the server means to the engine.
@Suite struct EWSErrorsTests {
  static let table: [(codes: [String], meaning: SyncError.Code)] = [
    (["ErrorServerBusy", "ErrorExceededConnectionCount"], .throttled),
    (
      [
        "ErrorTooManyObjectsOpened", "ErrorInternalServerTransientError", "ErrorInsufficientResources", "ErrorADUnavailable",
        "ErrorADOperation", "ErrorMailboxFailover", "ErrorConnectionFailed", "ErrorNotEnoughMemory", "ErrorMailboxStoreUnavailable",
        "ErrorMailboxMoveInProgress", "ErrorCrossSiteRequest", "ErrorProxyRequestNotAllowed", "ErrorNoRespondingCASInDestinationSite",
      ], .transient
    ), (["ErrorTimeoutExpired"], .timedOut), (["ErrorBatchProcessingStopped"], .notProcessed),
    (["ErrorInvalidSyncStateData"], .cursorInvalid),
    (["ErrorSyncFolderNotFound", "ErrorFolderNotFound", "ErrorParentFolderNotFound"], .folderNotFound),
    (["ErrorItemNotFound", "ErrorCalendarCannotUpdateDeletedItem"], .notFound),
    (["ErrorIrresolvableConflict", "ErrorStaleObject", "ErrorChangeKeyRequired", "ErrorInvalidChangeKey"], .staleVersion),
    (
      [
        "ErrorAccessDenied", "ErrorCreateItemAccessDenied", "ErrorNoFreeBusyAccess", "ErrorImpersonateUserDenied",
        "ErrorImpersonationDenied", "ErrorImpersonationFailed", "ErrorCannotDeleteObject",
      ], .accessDenied
    ),
    (
      [
        "ErrorNonExistentMailbox", "ErrorMailRecipientNotFound", "ErrorAccountDisabled", "ErrorMailboxConfiguration",
        "ErrorNonPrimarySmtpAddress", "ErrorMissingEmailAddress",
      ], .mailboxNotFound
    ), (["ErrorPasswordExpired", "ErrorPasswordChangeRequired"], .unauthorized), (["ErrorQuotaExceeded"], .quotaExceeded),
    (["ErrorMessageSizeExceeded", "ErrorDataSizeLimitExceeded", "ErrorAttachmentSizeLimitExceeded"], .tooLarge),
    (["ErrorSchemaValidation", "ErrorInvalidRequest", "ErrorInvalidIdMalformed", "ErrorInvalidId"], .malformedRequest),
    (
      [
        "ErrorInvalidPropertySet", "ErrorInvalidPropertyRequest", "ErrorInvalidPropertyDelete", "ErrorInvalidPropertyForOperation",
        "ErrorUpdatePropertyMismatch", "ErrorIncorrectUpdatePropertyCount", "ErrorItemSavePropertyError", "ErrorPropertyUpdate",
        "ErrorInvalidValueForProperty", "ErrorInvalidExtendedProperty", "ErrorInvalidExtendedPropertyValue",
        "ErrorCalendarEndDateIsEarlierThanStartDate", "ErrorCalendarOutOfRange", "ErrorCalendarInvalidRecurrence",
        "ErrorCalendarInvalidTimeZone", "ErrorInvalidCompleteDate", "ErrorInvalidPercentCompleteValue",
        "ErrorInvalidContactEmailAddress", "ErrorInvalidRecipients", "ErrorCorruptData", "ErrorItemCorrupt",
        "ErrorMimeContentConversionFailed", "ErrorContentConversionFailed", "ErrorItemPropertyRequestFailed", "ErrorObjectTypeChanged",
        "ErrorCannotCreateContactInNonContactFolder",
      ], .invalidRecord
    ), (["ErrorFolderExists"], .alreadyExists), (["ErrorOfTheDistantFuture", "ErrorInternalServerError"], .failed),
  ]

  @Test(arguments: table.flatMap { row in row.codes.map { ($0, row.meaning) } })
  func `each code has its meaning, as an object's answer and as a fault`(code: String, meaning: SyncError.Code) async throws {
    let (client, _) = Wire.client { _, _ in Wire.reply("GetItem", [Wire.message("GetItem", "<m:Items/>", code: code)]) }
    if meaning == .throttled {
      let busy = await #expect(throws: SyncError.self) {
        try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
      }
      #expect(busy?.code == meaning)
      return
    }
    let results = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    // A distribution list refuses the properties of a contact: an item of another class, no error.
    if code == "ErrorInvalidPropertyRequest" {
      #expect(try results[0].get().isForeignClass)
    } else {
      guard case .failure(let error) = results[0] else {
        Issue.record("\(results)")
        return
      }
      #expect(error.code == meaning)
      #expect(error.cause?.contains(code) == true && error.cause?.contains("in words") == true)
    }
    let (second, _) = Wire.client { _, _ in Wire.fault(code) }
    let error = await #expect(throws: SyncError.self) { try await second.probe(Wire.alice) }
    #expect(error?.code == meaning)
  }

  @Test(arguments: [
    (401, SyncError.Code.unauthorized), (403, .accessDenied), (404, .configuration), (413, .tooLarge), (301, .configuration),
    (451, .configuration), (500, .transient), (502, .transient), (503, .transient), (504, .transient), (440, .transient),
  ])
  func `each status without a fault has its meaning`(status: Int, meaning: SyncError.Code) async {
    let (client, _) = Wire.client { _, _ in HTTPResponse(status, "<html>no XML of Exchange's</html>") }
    let error = await #expect(throws: SyncError.self) { try await client.probe(Wire.alice) }
    #expect(error?.code == meaning)
    #expect("\(String(describing: error))".contains("planted-secret") == false)
  }

  private static let found = Wire.reply("GetItem", [Wire.message("GetItem", "<m:Items>\(Wire.contact("i"))</m:Items>")])

  @Test func `a refused request goes again when the time that the server named is over, and not before`() async throws {
    let clock = FakeClock()
    let (client, transport) = Wire.client(clock: clock) { _, number in
      number == 0 ? Wire.fault("ErrorServerBusy", values: [("BackOffMilliseconds", "297749")]) : Self.found
    }
    let items = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    #expect(items.count == 1 && clock.slept == [297_749] && transport.requests.count == 2)
  }

  @Test func `a pause too long to wait for is the caller's to know, and holds for every request of the account`() async throws {
    let clock = FakeClock()
    let (client, transport) = Wire.client(clock: clock) { _, number in
      number == 0 ? Wire.fault("ErrorServerBusy", values: [("BackOffMilliseconds", "900000")]) : Self.found
    }
    for mailbox in [Wire.alice, Mailbox(address: "bob@example.test")] {
      let error = await #expect(throws: SyncError.self) { try await client.probe(mailbox) }
      #expect(error?.retry == .afterBackOff(milliseconds: 900_000))
    }
    #expect(clock.slept.isEmpty && transport.requests.count == 1)
    try await clock.surroundings.sleep(900_000)
    _ = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    #expect(transport.requests.count == 2)
  }

  @Test func `a server that stays busy is asked six times, then the caller hears of it`() async {
    let clock = FakeClock()
    let (client, transport) = Wire.client(clock: clock) { _, _ in Wire.fault("ErrorServerBusy", values: [("BackOffMilliseconds", "1000")]) }
    let error = await #expect(throws: SyncError.self) { try await client.probe(Wire.alice) }
    #expect(error?.code == .throttled && transport.requests.count == 6)
    #expect(clock.slept == Array(repeating: 1000, count: 5))
  }

  @Test func `a busy code hidden inside an object's answer is found, and the account waits`() async throws {
    let clock = FakeClock()
    let (client, transport) = Wire.client(clock: clock) { _, number in
      let busy = Wire.message(
        "GetItem", "<m:Items/>", code: "ErrorInternalServerError",
        values: [("InnerErrorResponseCode", "ErrorServerBusy"), ("BackOffMilliseconds", "5000")])
      return number == 0 ? Wire.reply("GetItem", [busy]) : Self.found
    }
    _ = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    #expect(clock.slept == [5000] && transport.requests.count == 2)
  }

  @Test func `where only some objects were refused, the others' answers count and the account waits before its next request`() async throws
  {
    let clock = FakeClock()
    let (client, _) = Wire.client(clock: clock) { operation, number in
      guard number == 0 else { return Self.found }
      let busy = Wire.message("GetItem", "<m:Items/>", code: "ErrorServerBusy", values: [("BackOffMilliseconds", "5000")])
      return Wire.reply("GetItem", [Wire.message("GetItem", "<m:Items>\(Wire.contact("i"))</m:Items>"), busy])
    }
    let results = try await client.items(["i", "j"].map { ItemID(rawValue: $0) }, kind: .contacts, in: Wire.alice)
    #expect((try? results[0].get()) != nil && (try? results[1].get()) == nil && clock.slept.isEmpty)
    _ = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    #expect(clock.slept == [5000])
  }

  @Test(arguments: [(429, "7", Int64(7_000)), (503, "7", 7_000), (429, "Mon, 02 Nov 2026 12:00:30 GMT", 30_000)])
  func `Retry-After is waited for, as seconds and as a date`(status: Int, header: String, expected: Int64) async throws {
    let clock = FakeClock()
    let (client, transport) = Wire.client(clock: clock) { _, number in
      number == 0 ? HTTPResponse(status, headers: ["Retry-After": header]) : Self.found
    }
    _ = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    #expect(clock.slept == [expected] && transport.requests.count == 2)
  }

  @Test func `a pause that no server means is bounded, and one without a time takes a minute`() async {
    for (values, expected) in [
      ([("BackOffMilliseconds", "99999999999")], Int64(86_400_000)), ([], 60_000), ([("BackOffMilliseconds", "soon")], 60_000),
    ] {
      let (client, _) = Wire.client { _, _ in Wire.fault("ErrorServerBusy", values: values) }
      let error = await #expect(throws: SyncError.self) { try await client.probe(Wire.alice) }
      #expect(error?.retry == .afterBackOff(milliseconds: expected))
    }
  }

  @Test func `a refusal after a sign-in that worked is waited out, so that no account is locked`() async throws {
    let (client, _) = Wire.client { _, number in
      number == 0 ? Wire.reply("GetItem", [Wire.message("GetItem", "<m:Items>\(Wire.contact("i"))</m:Items>")]) : HTTPResponse(401)
    }
    _ = try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    let error = await #expect(throws: SyncError.self) {
      try await client.items([ItemID(rawValue: "i")], kind: .contacts, in: Wire.alice)
    }
    #expect(error?.code == .throttled && error?.retry == .afterBackOff(milliseconds: 60_000))
  }
}
