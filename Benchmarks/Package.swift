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
    dependencies: [
        .package(name: "colony", path: "..", traits: ["AllEngines"]),
        // What a bare client of etcd is made of: as Colony has it.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
    ],
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
                .product(name: "ColonyQueues", package: "colony"),
                .product(name: "ColonyQuorum", package: "colony"),
                .product(name: "ColonyRedis", package: "colony"),
                .product(name: "ColonyResilience", package: "colony"),
                .product(name: "ColonySQLite", package: "colony"),
                .product(name: "ColonyTransactions", package: "colony"),
                .product(name: "ColonyWorkloads", package: "colony"),
                .product(name: "ColonyZooKeeper", package: "colony"),
                .product(name: "GRPCCore", package: "grpc-swift-2"),
                .product(name: "GRPCNIOTransportHTTP2", package: "grpc-swift-nio-transport"),
                .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            // The generated messages of etcd ask for it.
            swiftSettings: settings + [.define("Etcd")]
        ),
        .testTarget(
            name: "BenchmarksTests",
            dependencies: ["colony-benchmarks", .product(name: "ColonyWorkloads", package: "colony")],
            swiftSettings: settings
        ),
    ]
)
