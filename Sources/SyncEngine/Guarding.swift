import Model
import Store

/// Counts what a cycle is about to do and stops it for a decision when a limit of the configuration is passed.
struct Guarding: Sendable {
  let parts: EngineParts
  let guards: Guards
  let spoke: Spoke

  /// What the agenda amounts to, gathered without keeping the records.
  struct Count: Sendable {
    var deletes: [String] = []
    var creates: [String] = []
    var messages = 0
    /// Writes of any kind on either side.
    var writes = 0
    /// Whether any of them goes to the ERP.
    var reachesERP = false
    var notices: [String] = []
    var lines: [String] = []
    var linesLeftOut = 0

    /// Lines of a hold's plan kept at most; the rest is counted.
    static let lineLimit = 2000

    /// What is remembered of the plan if it is discarded.
    var remembered: [String] = []

    mutating func add(_ decision: Decided) {
      writes += decision.actions.count(where: \.isRemote)
      if decision.reachesERP { reachesERP = true }
      for step in decision.heldSteps {
        switch step.kind {
        case .delete: deletes.append(step.key)
        case .create: creates.append(step.key)
        case .tell: notices.append(step.key)
        }
        messages += step.messages
        remembered.append(step.remembered)
        if lines.count < Self.lineLimit { lines.append(step.line) } else { linesLeftOut += 1 }
      }
    }
  }

  /// What becomes of a cycle.
  enum Verdict: Sendable {
    case goes
    case held(Hold)
    /// Its plan was discarded: it is decided anew without that.
    case discarded
  }

  /// Whether the cycle may go on.
  func verdict(_ count: Count, isFirstRun: Bool, at now: Timestamp) throws(SyncError) -> Verdict {
    let linked = try parts.store.read { try $0.linkCount(kind: spoke.kind, mailbox: spoke.mailbox) }
    var reasons: [String] = []
    if guards.deletes.isExceeded(by: count.deletes.count, of: linked) {
      reasons.append(
        "\(count.deletes.count) deletes of \(linked) records are more than \(guards.deletes.count) and \(guards.deletes.percent) %")
    }
    if !isFirstRun && guards.creates.isExceeded(by: count.creates.count, of: linked) {
      reasons.append(
        "\(count.creates.count) new records beside \(linked) are more than \(guards.creates.count) and \(guards.creates.percent) %")
    }
    if count.messages > guards.invitations {
      reasons.append("\(count.messages) invitations, updates and cancellations to send are more than \(guards.invitations)")
    }
    let open = try parts.store.read { try $0.holds(open: true) }.filter { $0.mailbox == spoke.mailbox && $0.kind == spoke.kind }
    guard !reasons.isEmpty else {
      // What was held is no longer due.
      try parts.store.write { transaction in
        for var old in open {
          old.state = .done
          try transaction.save(old)
        }
      }
      return .goes
    }
    let hash = Self.fingerprint((count.deletes + count.creates + count.notices).sorted())
    let decided = try parts.store.read { try $0.holds(open: false) }.filter {
      $0.mailbox == spoke.mailbox && $0.kind == spoke.kind && $0.hash == hash
    }
    if decided.contains(where: { $0.state == .approved }) { return .goes }
    if decided.contains(where: { $0.state == .discarded }) {
      try parts.store.write { try Discarded.remember(count.remembered, spoke, $0) }
      return .discarded
    }
    var plan = count.lines
    if count.linesLeftOut > 0 { plan.append("… and \(count.linesLeftOut) more") }
    let hold = Hold(
      id: String(hash.prefix(8)), mailbox: spoke.mailbox, kind: spoke.kind, created: open.first { $0.hash == hash }?.created ?? now,
      reason: reasons.joined(separator: "; "), plan: plan, hash: hash, state: .open)
    try parts.store.write { transaction in
      for var old in open where old.hash != hash {
        old.state = .done
        try transaction.save(old)
      }
      try transaction.save(hold)
    }
    return .held(hold)
  }

  /// An approved hold is used up by the cycle that carried it out.
  func finishApproved() throws(SyncError) {
    let approved = try parts.store.read { try $0.holds(open: false) }.filter {
      $0.mailbox == spoke.mailbox && $0.kind == spoke.kind && $0.state == .approved
    }
    guard !approved.isEmpty else { return }
    try parts.store.write { transaction in
      for var hold in approved {
        hold.state = .done
        try transaction.save(hold)
      }
    }
  }

  /// FNV-1a over 128 bits in two halves: tells plans apart; who approves has the right to, so no attacker is to be withstood.
  static func fingerprint(_ lines: [String]) -> String {
    var (first, second): (UInt64, UInt64) = (0xcbf2_9ce4_8422_2325, 0x9e37_79b9_7f4a_7c15)
    func mix(_ byte: UInt8) {
      first = (first ^ UInt64(byte)) &* 0x100_0000_01b3
      second = (second ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    for line in lines {
      for byte in line.utf8 { mix(byte) }
      mix(10)
    }
    return [first, second].map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}
