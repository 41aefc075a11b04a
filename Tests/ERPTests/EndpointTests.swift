import Foundation
import Model
import Testing

@testable import ERP

/// Which endpoint is used, and which form its contract has.
@Suite struct EndpointTests {
  @Test(arguments: [
    ("Default/20.200.001", ContractVersion.through24_200), ("Default/24.200.001", .through24_200), ("Default/25.200.001", .from25_200),
    ("Default/26.200.001", .from25_200), ("Default/25.100.001", .through24_200),
  ])
  func `the version of the system's own endpoint tells the form of its contract`(path: String, contract: ContractVersion) {
    #expect(Endpoint(configured: path)?.contract == contract)
    #expect(Endpoint(configured: path)?.path == path)
  }

  @Test(arguments: ["Mine/25.200.001", "Mine/1.0", "Default/1", "Default"])
  func `the version of another endpoint tells nothing`(path: String) { #expect(Endpoint(configured: path) == nil) }

  private static func listing(_ versions: [String], name: String = "Default") -> [UInt8] {
    let entries = versions.map { "{\"name\":\"\(name)\",\"version\":\"\($0)\",\"href\":\"/entity/\(name)/\($0)/\"}" }
    return Array("{\"version\":{\"acumaticaBuildVersion\":\"26.1\"},\"endpoints\":[\(entries.joined(separator: ","))]}".utf8)
  }

  @Test(arguments: [
    (["20.200.001", "25.200.001", "24.200.001"], "Default/25.200.001"), (["22.200.001", "24.200.001"], "Default/24.200.001"),
    // What comes later may differ in what nobody knows yet.
    (["24.200.001", "25.200.001", "26.200.001"], "Default/25.200.001"),
  ])
  func `the newest version that is known is chosen`(versions: [String], path: String) throws {
    #expect(try Endpoint.newest(inListing: Self.listing(versions), site: "https://erp.test").path == path)
  }

  @Test func `older sites list their endpoints bare, with a byte order mark before them`() throws {
    let body =
      [0xEF, 0xBB, 0xBF]
      + Array("[{\"name\":\"Default\",\"version\":\"24.200.001\"},{\"name\":\"eCommerce\",\"version\":\"25.200.001\"}]".utf8)
    #expect(try Endpoint.newest(inListing: body, site: "https://erp.test").path == "Default/24.200.001")
  }

  @Test func `a site without a known version is told apart from one that answers something else`() {
    #expect { try Endpoint.newest(inListing: Self.listing(["20.200.001"]), site: "https://erp.test") } throws: {
      ($0 as? SyncError)?.code == .configuration && "\($0)".contains("Default/20.200.001")
    }
    #expect { try Endpoint.newest(inListing: Self.listing(["25.200.001"], name: "Other"), site: "https://erp.test") } throws: {
      ($0 as? SyncError)?.code == .configuration
    }
    #expect { try Endpoint.newest(inListing: Array("<html>".utf8), site: "https://erp.test") } throws: {
      ($0 as? SyncError)?.code == .malformedAnswer
    }
  }

  @Test(arguments: [
    (
      "{\"components\":{\"schemas\":{\"Event\":{\"allOf\":[{\"$ref\":\"x\"},{\"properties\":{\"EndDateTime\":{}}}]}}}}",
      ContractVersion.from25_200
    ),
    ("{\"components\":{\"schemas\":{\"Event\":{\"allOf\":[{\"properties\":{\"EndDate\":{},\"EndTime\":{}}}]}}}}", .through24_200),
    ("{\"swagger\":\"2.0\",\"definitions\":{\"Event\":{\"properties\":{\"EndDate\":{}}}}}", .through24_200),
  ])
  func `the description of an endpoint tells the form of its contract`(text: String, contract: ContractVersion) throws {
    #expect(try Endpoint.described("Mine/1.0", by: Array(text.utf8)).contract == contract)
  }

  @Test(arguments: ["", "[]", "{}", "{\"components\":{\"schemas\":{\"Event\":{\"properties\":{\"Summary\":{}}}}}}"])
  func `a description without an end of events is refused`(text: String) {
    #expect(throws: SyncError.self) { try Endpoint.described("Mine/1.0", by: Array(text.utf8)) }
  }
}
