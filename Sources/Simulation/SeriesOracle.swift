import Model

/// What holds of series and their occurrences alone.
extension Oracle {
  /// I6: a series is its owner's, and a mark would make an occurrence an exception.
  func checkSeries(_ item: SimItem, _ update: ItemUpdate) {
    if item.form == .series { report("I6", "the engine writes to the series \(item.id)") }
    if item.form == .occurrence, update.foreignID != nil { report("I6", "the engine marks the occurrence \(item.id)") }
  }

  /// I2, I9: a series is never deleted, and of an occurrence that is taken out nothing is left. What was written into it since it was read nobody
  /// can know.
  func checkSeries(_ deleted: SimItem) {
    if deleted.form == .series { report("I9", "the engine deletes the series \(deleted.id)") }
    guard deleted.form == .occurrence else { return }
    for entry in deleted.fields.entries {
      if deleted.seenByEngine == deleted.changeKey {
        checkOverwrite(entry.value, by: nil, "\(deleted.id).\(entry.field), taken out")
      } else if let token = Token(entry.value), world.count(of: token) < 2 {
        world.ledger.excuse(entry.value)
      }
    }
  }
}
