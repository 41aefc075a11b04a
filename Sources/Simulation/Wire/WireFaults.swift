import Foundation
import Model
import Sandbox
import SandboxERP
import SandboxExchange

extension Wire {
  /// A fault that a server is told to show, in the sandbox's JSON.
  enum Fault {
    case exchange(String)
    case erp(String)
  }

  /// Arms a fault for the next request.
  func install(_ fault: Fault) async {
    hasFaults = true
    do {
      switch fault {
      case .exchange(let json): try await sandbox.exchange.installFault(json: Data(json.utf8))
      case .erp(let json): try await sandbox.erp.installFault(json: Data(json.utf8))
      }
    } catch { world.oracle?.report("simulation", "the sandbox does not know the fault: \(error)") }
  }

  func clearFaults() async {
    guard hasFaults else { return }
    hasFaults = false
    await sandbox.exchange.clearFaults()
    await sandbox.erp.clearFaults()
  }

  /// Has a request of the engine carried out, and the oracle told of what changed.
  /// - Parameter again: it was carried out before.
  func carry(_ request: DirectSandbox.Request, isWrite: Bool, again: Bool = false) async -> DirectSandbox.Answer {
    let answer = await sandbox.answer(request)
    if isWrite {
      // Also what changes nothing is a write.
      let before = world.mutations
      await watch(again: again)
      if world.mutations == before { world.mutations += 1 }
    }
    return answer
  }

  /// Carries out what its sender gave up on.
  func landDelayed() async {
    while let place = delayed.indices.filter({ delayed[$0].due <= world.clock }).min(by: { delayed[$0].due < delayed[$1].due }) {
      let late = delayed.remove(at: place)
      world.tell("  … lands late: \(late.request.method) \(late.request.target)")
      world.isLanding = true
      _ = await carry(late.request, isWrite: true)
      world.isLanding = false
    }
  }

  /// Remembers which items the engine has read as they are now.
  func noteSeen(_ answer: [UInt8]) {
    guard world.mailboxes.contains(where: { $0.items.contains { $0.isPrivate } }) else { return }
    // The reading itself, not a listing.
    guard answer.firstPlace(of: Array("GetItemResponse".utf8)) != nil else { return }
    for mailbox in world.mailboxes.indices {
      for index in world.mailboxes[mailbox].items.indices {
        let item = world.mailboxes[mailbox].items[index]
        if item.isPrivate, answer.firstPlace(of: Array(item.id.rawValue.utf8)) != nil {
          world.mailboxes[mailbox].items[index].seenByEngine = item.changeKey
        }
      }
    }
  }

  static func authorization(_ user: String, _ password: String) -> (name: String, value: String) {
    ("Authorization", "Basic " + Data("\(user):\(password)".utf8).base64EncodedString())
  }
}
