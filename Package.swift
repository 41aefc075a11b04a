// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"), .treatAllWarnings(as: .error),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .testTarget(name: name + "Tests", dependencies: [.target(name: name)] + dependencies, exclude: exclude, swiftSettings: strict)
}

/// A C library of the system, found by pkg-config.
func system(_ name: String, _ pkgConfig: String, apt: String) -> Target {
  .systemLibrary(name: name, path: "Sources/System/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let http: Target.Dependency = .product(name: "FlyingFox", package: "FlyingFox")
let sockets: Target.Dependency = .product(name: "FlyingSocks", package: "FlyingFox")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let trees: Target.Dependency = .product(name: "HashTreeCollections", package: "swift-collections")
let yaml: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
  name: "concordfs",
  products: [.executable(name: "concordfs", targets: ["concordfs"])],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
  ],
  targets: [
    system("CCrypto", "libcrypto", apt: "libssl-dev"), system("CCurl", "libcurl", apt: "libcurl4-openssl-dev"),
    system("CFuse", "fuse3", apt: "libfuse3-dev"),
    system("CMicroHTTPD", "libmicrohttpd", apt: "libmicrohttpd-dev"),
    system("CXML2", "libxml-2.0", apt: "libxml2-dev"),
    system("CICU", "icu-i18n", apt: "libicu-dev"),
    system("CSQLite", "sqlite3", apt: "libsqlite3-dev"),
    system("CGMIME", "gobject-2.0", apt: "libgmime-3.0-dev"),
    .target(name: "CurlShim", dependencies: ["CCurl"]),
    .target(name: "FaultyDiskShim", dependencies: ["CSQLite"]),
    .target(name: "FuseShim", dependencies: ["CFuse"]),
    .target(name: "MemoryShim"),
    .target(name: "ResolverShim", linkerSettings: [.linkedLibrary("resolv")]),
    .target(name: "SignShim", dependencies: ["CCrypto"]),
    .target(name: "WebhookShim", dependencies: ["CMicroHTTPD"]),
    .target(name: "XMLShim", dependencies: ["CXML2"]),
    .target(name: "ZoneShim", dependencies: ["CICU"]),
    .target(
      name: "MIMEShim", dependencies: ["CGMIME"], cSettings: [.headerSearchPath("../System/CGMIME/headers")],
      linkerSettings: [.linkedLibrary("gmime-3.0")]),
    // Pure.
    module("Model"),
    module("Reconcile", ["Model"]),
    module("Render", ["Model"]),
    // One outside thing each.
    module("Transport", ["CurlShim", "Model", "ResolverShim"]), module("OAuth", ["SignShim", "Transport", "Model"]),
    module("Webhook", ["WebhookShim", "Model"]), module("XMLStream", ["XMLShim"]),
    module("TimeZones", ["ZoneShim"]),
    module("MIME", ["MIMEShim"]),
    module("Configuration", ["Model", yaml]),
    module("Store", ["CSQLite", "Model", "Render", grdb]),
    // The two remotes.
    module("Exchange", ["Model", "OAuth", "Transport", "XMLStream", "TimeZones"]),
    module("ERP", ["MIME", "Model", "OAuth", "Transport"]),
    // What runs.
    module("SyncEngine", ["MIME", "Model", "Reconcile", "Render", "Store"]),
    module("Control", ["Model"]),
    module("Mount", ["Model", "Store", "Control", "FuseShim"]),
    module(
      "Daemon",
      [
        "Configuration", "Exchange", "ERP", "TimeZones", "SyncEngine", "Mount", "Control", "Store", "Model", "OAuth", "Transport",
        "Webhook",
      ]),
    // The sandbox: two servers to try policies against. Nothing above imports it.
    module("SandboxSeed"),
    module("SandboxStore", [grdb, trees]),
    module("SandboxExchange", ["MIME", "TimeZones", "XMLStream", "SandboxStore", http, trees, sockets]),
    module("SandboxERP", ["SandboxStore", http]),
    module("Sandbox", ["MIME", "SandboxSeed", "SandboxStore", "SandboxExchange", "SandboxERP", http, sockets]),
    // The engine on rails: no part of the product.
    module("FaultyDisk", ["FaultyDiskShim"]),
    module(
      "Simulation",
      [
        "SyncEngine", "Exchange", "ERP", "Transport", "Store", "FaultyDisk", "Reconcile", "Model", "MIME", "XMLStream", "Sandbox",
        "SandboxExchange",
        "SandboxERP",
      ]),
    .executableTarget(name: "concordfs-sim", dependencies: ["Simulation", "Model", arguments], swiftSettings: strict),
    .executableTarget(
      name: "concordfs",
      dependencies: ["Daemon", "Sandbox", "SyncEngine", "Configuration", "Control", "Store", "Render", "Model", "MemoryShim", arguments],
      swiftSettings: strict),
    // A tool for measurements and tests of the mount.
    .executableTarget(
      name: "concordfs-bench", dependencies: ["Mount", "Control", "Store", "Render", "Model", "SandboxSeed", arguments],
      swiftSettings: strict),
    tests("Configuration", ["Model"]), tests("Control", ["Model"]), tests("Store", ["FaultyDisk", "Model", "Render", grdb]),
    tests("TimeZones"), tests("Simulation", ["Model"]), tests("Mount", ["Control", "Store", "Model"]),
    tests("Daemon", ["Model", "Store", "SyncEngine"]),
    tests("Transport", ["Model"]), tests("Webhook", ["Model"]),
    tests("XMLStream"), tests("MIME"),
    tests("Model"), tests("Reconcile", ["Model"]), tests("Render", ["Model"], exclude: ["Snapshots"]),
    .target(name: "FakeTransport", dependencies: ["Model", "Transport"], path: "Tests/FakeTransport", swiftSettings: strict),
    tests("ERP", ["Model", "OAuth", "Transport", "FakeTransport"]), tests("OAuth", ["Model", "Transport", "FakeTransport"]),
    tests("Exchange", ["Model", "Transport", "XMLStream", "FakeTransport"]),
    .testTarget(name: "DocumentationTests", dependencies: ["Exchange", "ERP", "Render", "Model", "XMLStream"], swiftSettings: strict),
  ]
)
