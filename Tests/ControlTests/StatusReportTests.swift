import Foundation
import Model
import Testing

@testable import Control

@Suite struct StatusReportTests {
  @Test func `the table has a row for each record type, aligned`() throws {
    let lines = Reports.report.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines[0] == "concordfs 1.2.3")
    #expect(
      lines[1].split(separator: " ", omittingEmptySubsequences: true)
        == ["employee", "policy", "state", "type", "linked", "last", "outcome", "next", "errors"])
    #expect(
      lines[2].split(separator: " ")
        == ["alice@example.test", "Sales", "idle", "contacts", "1200", "2026-11-02T09:31:00Z", "ok", "2026-11-02T09:36:00Z", "4"])
    #expect(lines[4].split(separator: " ")[3...6] == ["events", "0", "never", "-"])
    #expect(lines[5].split(separator: " ") == ["bob@example.test", "-", "off", "-", "-", "never", "-", "-", "0"])
    let column = try #require(lines[1].firstRange(of: "state")).lowerBound.utf16Offset(in: lines[1])
    for line in lines[2...5] { #expect(line.dropFirst(column).first?.isLetter == true && line.dropFirst(column - 1).first == " ") }
  }

  @Test func `holds and failures are told below the table, safe for a terminal`() {
    let text = Reports.report.text
    #expect(text.contains("alice@example.test: held for a decision: h1 ('concordfs holds show h1')\n"))
    #expect(text.contains("alice@example.test: tasks: the server\\u{1b}[31m is gone\\u{a}next line\n"))
    #expect(text.hasSuffix("\n") && !text.contains("\u{1B}"))
  }

  @Test func `a stopped daemon and a pause are in the first line`() {
    var report = Reports.report
    report.isRunning = false
    report.isPaused = true
    #expect(report.text.hasPrefix("concordfs 1.2.3, no daemon is running, PAUSED\n"))
  }

  @Test func `JSON has a stable form and is read back the same`() throws {
    let json = Reports.report.json
    #expect(json.hasSuffix("}\n"))
    #expect(try JSONDecoder().decode(StatusReport.self, from: Data(json.utf8)) == Reports.report)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    #expect(Set(object.keys) == ["version", "isRunning", "mountPoint", "isPaused", "employees"])
    let people = try #require(object["employees"] as? [[String: Any]])
    #expect(Set(people[0].keys) == ["employee", "policy", "account", "state", "next", "kinds", "errors", "holds"])
    let kinds = try #require(people[0]["kinds"] as? [[String: Any]])
    #expect(Set(kinds[1].keys) == ["kind", "linked", "lastStart", "lastEnd", "outcome", "counts", "message"])
    #expect(json == Reports.report.json)
  }

  @Test func `metrics are Prometheus text: each family announced before its samples, labels escaped`() throws {
    var report = Reports.report
    report.employees[1].employee = "b\"o\\b\n@x"
    let lines = report.metrics.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.last == "")
    var family = ""
    for line in lines.dropLast() {
      if line.hasPrefix("# TYPE ") {
        family = String(line.split(separator: " ")[2])
      } else if !line.hasPrefix("# HELP ") {
        #expect(line.wholeMatch(of: #/([a-z_]+)\{([a-z]+="([^"\\]|\\["\\n])*",?)+\} -?\d+(\.\d+)?/#)?.1 == Substring(family), "\(line)")
      }
    }
    #expect(lines.contains(#"concordfs_linked_records{employee="alice@example.test",type="contacts"} 1200"#))
    #expect(lines.contains(#"concordfs_last_cycle_ok{employee="alice@example.test",type="contacts"} 1"#))
    #expect(lines.contains(#"concordfs_last_cycle_ok{employee="alice@example.test",type="tasks"} 0"#))
    #expect(!report.metrics.contains(#"concordfs_last_cycle_ok{employee="alice@example.test",type="events"}"#))
    #expect(lines.contains(#"concordfs_last_cycle_end_seconds{employee="alice@example.test",type="contacts"} 1793611860"#))
    #expect(lines.contains(#"concordfs_record_errors{employee="b\"o\\b\n@x"} 0"#))
    #expect(lines.contains(#"concordfs_holds{employee="alice@example.test"} 1"#))
  }

  @Test(arguments: [("abc", 3), ("", 0), ("東京", 4), ("e\u{301}", 1), ("😀", 2), ("ｆ", 2), ("Zoë", 3), ("한", 2)])
  func `a text has the width that a terminal gives it`(text: String, cells: Int) { #expect(TextTable.width(text) == cells) }

  @Test func `columns are aligned by width, rows may be short, the last column ends the line`() {
    #expect(TextTable.render([["name", "n"], ["東京", "10"], ["x"]]) == ["name  n", "東京  10", "x"])
    #expect(TextTable.render([]) == [])
  }

  @Test func `a line of the log names time, level, employee, type and message`() {
    let time = Timestamp(seconds: 1_793_611_860)
    #expect(
      LogText.line(LogEntry(time: time, level: .warning, employee: "alice@example.test", kind: .tasks, message: "m\u{7}"))
        == "2026-11-02T09:31:00Z warning alice@example.test tasks: m\\u{7}")
    #expect(LogText.line(LogEntry(time: time, level: .error, message: "m")) == "2026-11-02T09:31:00Z error: m")
  }
}
