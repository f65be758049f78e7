// swift-tools-version: 6.2

import PackageDescription

// A package of its own, so that users of Colony never resolve what only measuring needs.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "colony-benchmarks",
    platforms: [.macOS(.v15)],
    // With every engine, so that each is measured beside its server's own client.
    dependencies: [.package(name: "colony", path: "..", traits: ["AllEngines"])],
    targets: [
        // What the hashes are compared with.
        .systemLibrary(
            name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"]), .brew(["xxhash"])]
        ),
        // Counts what is allocated.
        .target(name: "CAllocations"),
        .executableTarget(
            name: "colony-benchmarks",
            dependencies: [
                "CAllocations",
                "CXXHash",
                .product(name: "ColonyCaches", package: "colony"),
                .product(name: "ColonyCoordination", package: "colony"),
                .product(name: "ColonyCore", package: "colony"),
                .product(name: "ColonyEtcd", package: "colony"),
                .product(name: "ColonyHashing", package: "colony"),
                .product(name: "ColonyPostgres", package: "colony"),
                .product(name: "ColonyRedis", package: "colony"),
                .product(name: "ColonyWorkloads", package: "colony"),
                .product(name: "ColonyZooKeeper", package: "colony"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "BenchmarksTests",
            dependencies: ["colony-benchmarks", .product(name: "ColonyWorkloads", package: "colony")],
            swiftSettings: settings
        ),
    ]
)
