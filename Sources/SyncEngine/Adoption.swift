import Model
import Store

/// Which record of the ERP a creation in doubt has made.
///
/// A contact carries the creation's mark, which leaves no doubt. A task has no place for one: the record with the same owner and the same
/// values, made since the creation was begun and linked to nothing, is taken for it. Should somebody have typed just that record in the
/// meantime, the two are equal in all that is synchronized: either may be linked, and the other stays a record of its own.
struct Adoption: Sendable {
  let executor: Executor

  /// The record that the intent made; nil: none of them.
  func made(by intent: Intent, among candidates: [Entity]) throws(SyncError) -> Entity? {
    if let marked = candidates.first(where: { $0.operationID == intent.id }) { return marked }
    let support = executor.parts.erp.support(for: executor.spoke.kind)
    let sent = support.projected(intent.payload)
    let equal = candidates.filter { candidate in
      candidate.operationID == nil && candidate.owner.map { executor.employee?.ownerCodes.contains($0) ?? false } ?? false
        && isContained(sent, candidate)
    }
    return try executor.parts.store.read { reader in
      let others = try reader.openIntents(mailbox: executor.spoke.mailbox)
        .filter { $0.id != intent.id && $0.kind == executor.spoke.kind && $0.side == .erp && $0.action == intent.action }
        .map { support.projected($0.payload) }
      return try equal.sorted { $0.key < $1.key }.first { candidate in
        // One that has more may be what another creation in doubt made: of a copy that its user changed.
        let isAnothers = others.contains { isContained($0, candidate) && excess($0, candidate) < excess(sent, candidate) }
        return try !isAnothers && reader.link(entity: candidate.id, kind: executor.spoke.kind, mailbox: executor.spoke.mailbox) == nil
      }
    }
  }

  private func isContained(_ sent: Fields, _ candidate: Entity) -> Bool { sent.names.allSatisfy { sent.same($0, in: candidate.fields) } }

  /// How many fields of the record the creation did not send.
  private func excess(_ sent: Fields, _ candidate: Entity) -> Int { candidate.fields.differences(from: sent).count }
}
