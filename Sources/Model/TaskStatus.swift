/// Status of a task in Exchange's terms (EWS TaskStatusType), the terms in which both sides are compared.
public enum TaskStatus: String, Sendable, Hashable, CaseIterable {
  case notStarted = "NotStarted"
  case inProgress = "InProgress"
  case waitingOnOthers = "WaitingOnOthers"
  case completed = "Completed"
  /// Has no counterpart in the ERP.
  case deferred = "Deferred"
}

extension Fields {
  /// Whether the other side knows a task's status. Statuses of the ERP without a counterpart stand under their own name.
  public var hasStatusCounterpart: Bool {
    guard let status = text(.status) else { return true }
    return TaskStatus(rawValue: status).map { $0 != .deferred } ?? false
  }
}
