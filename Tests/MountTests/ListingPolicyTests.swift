import Testing

@testable import Mount

/// The policy of one mount, and short ways to ask it.
private final class Asked {
  var policy = ListingPolicy()

  func list(_ process: Int32, _ folder: Int64, isStart: Bool = true) -> Int {
    policy.bareEntries(process, folder: folder, isStart: isStart)
  }

  @discardableResult func look(_ process: Int32, _ folder: Int64) -> [Int64] { policy.lookup(process, folder: folder) }
}

@Suite struct ListingPolicyTests {
  private let asked = Asked()
  private static let folders: [Int64] = [10, 20, 30]

  @Test func `the first entries of a process's first folder are the test, the rest has attributes`() {
    #expect(asked.list(1, 10) == ListingPolicy.probeSize)
    #expect(asked.list(1, 10, isStart: false) == 0)
  }

  @Test func `who goes on to another folder without looking gets names alone`() {
    _ = asked.list(1, 10)
    #expect(asked.list(1, 20) == .max)
    #expect(asked.list(1, 20, isStart: false) == .max)
    #expect(asked.list(2, 20) == ListingPolicy.probeSize, "another process is another reader")
  }

  @Test func `who looks at the test's entries gets attributes from then on`() {
    _ = asked.list(1, 10)
    #expect(asked.look(1, 10).isEmpty)
    #expect(Self.folders.allSatisfy { asked.list(1, $0) == 0 })
  }

  @Test func `who lists for others that look gets attributes too`() {
    _ = asked.list(1, 10)
    _ = asked.list(1, 20)
    asked.look(2, 20)
    #expect(asked.list(1, 30) == 0)
  }

  @Test func `looks into kept listings without attributes have them dropped, once`() {
    _ = asked.list(1, 10)
    _ = asked.list(1, 20)
    let dropped = (0..<ListingPolicy.lookupsBeforeDrop).map { _ in asked.look(2, 20) }
    #expect(dropped.dropLast().allSatisfy(\.isEmpty) && dropped.last.map(Set.init) == [10, 20])
    #expect((0..<100).allSatisfy { _ in asked.look(2, 20).isEmpty })
  }

  @Test func `looks into folders that were listed with attributes mean nothing`() {
    #expect((0..<100).allSatisfy { _ in asked.look(2, 30).isEmpty })
    #expect(asked.list(2, 10) == ListingPolicy.probeSize)
  }

  @Test func `only the processes of late are remembered`() {
    for process in Int32(0)..<200 { _ = asked.list(process, 10) }
    #expect(asked.list(0, 20) == ListingPolicy.probeSize, "forgotten: a new reader")
    #expect(asked.list(199, 20) == .max)
  }

  @Test func `who passes by control files without looking gets names alone from the first record on`() {
    asked.policy.listControl(1)
    #expect(asked.list(1, 10) == .max)
    #expect(asked.list(2, 10) == ListingPolicy.probeSize, "another process is another reader")
  }

  @Test func `who looks at control files gets attributes from the first record on`() {
    asked.policy.listControl(1)
    asked.policy.lookupControl(1)
    #expect(Self.folders.allSatisfy { asked.list(1, $0) == 0 })
  }

  @Test func `a name of a control file says nothing of who never listed any`() {
    asked.policy.lookupControl(1)
    #expect(asked.list(1, 10) == ListingPolicy.probeSize)
  }

  @Test func `who was taken for one of names alone and looks at records gets attributes`() {
    asked.policy.listControl(1)
    #expect(asked.list(1, 10) == .max)
    asked.look(1, 10)
    #expect(asked.list(1, 20) == 0)
  }
}
