import Testing
import TimeZones

struct WindowsZonesTests {
  @Test(arguments: [
    ("W. Europe Standard Time", "Europe/Berlin"), ("Eastern Standard Time", "America/New_York"), ("India Standard Time", "Asia/Calcutta"),
    ("AUS Eastern Standard Time", "Australia/Sydney"), ("UTC", "Etc/UTC"), ("Tokyo Standard Time", "Asia/Tokyo"),
  ])
  func `a Windows zone is the main place of CLDR`(windows: String, iana: String) { #expect(WindowsZones.iana(of: windows) == iana) }

  @Test func `a region chooses among a zone's places`() {
    #expect(WindowsZones.iana(of: "W. Europe Standard Time", region: "NL") == "Europe/Amsterdam")
    #expect(WindowsZones.iana(of: "Romance Standard Time", region: "ES") == "Europe/Madrid")
  }

  @Test(arguments: [
    ("Europe/Amsterdam", "W. Europe Standard Time"), ("Europe/Kyiv", "FLE Standard Time"), ("Europe/Kiev", "FLE Standard Time"),
    ("Asia/Kolkata", "India Standard Time"), ("Etc/UTC", "UTC"), ("UTC", "UTC"), ("Australia/Lord_Howe", "Lord Howe Standard Time"),
  ])
  func `an IANA zone and its older names have one Windows zone`(iana: String, windows: String) {
    #expect(WindowsZones.windows(of: iana) == windows)
  }

  @Test(arguments: ["tzone://Microsoft/Utc", "utc", "GMT", "Etc/UTC"])
  func `other names of UTC are UTC`(name: String) { #expect(WindowsZones.iana(of: name) == "Etc/UTC") }

  @Test func `an IANA name is taken as it is`() { #expect(WindowsZones.iana(of: "Europe/Vienna") == "Europe/Vienna") }

  @Test(arguments: ["Customized Time Zone", "", "Mars/Olympus", "(UTC+01:00) Somewhere", String(repeating: "x", count: 5000)])
  func `an unknown zone is no zone`(name: String) {
    #expect(WindowsZones.iana(of: name) == nil)
    #expect(WindowsZones.windows(of: name) == nil)
  }
}
