// swift-tools-version: 6.2

import PackageDescription

// One list per floor, from the ground up; arrows only point down. docs/ARCHITECTURE.md draws the same picture.

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (Context.environment["COLONY_STRICT"] == "1" ? [.treatAllWarnings(as: .error)] : [])

// MARK: Floor 0, the shared nouns

let floor0: [Target] = [
    .target(name: "ColonyCore", swiftSettings: settings)
]

// MARK: Floor 1, blocks without I/O

let floor1: [Target] = [
    .target(name: "ColonyIdentifiers", dependencies: ["ColonyCore"], swiftSettings: settings),
    .target(name: "ColonyHashing", dependencies: [.crypto], swiftSettings: settings),
    .target(name: "ColonyClocks", dependencies: ["ColonyCore"], swiftSettings: settings),
    .target(name: "ColonyCaches", dependencies: ["ColonyCore", "ColonyHashing"], swiftSettings: settings),
    .target(name: "ColonyRESP", swiftSettings: settings),
    .target(name: "ColonyResilience", dependencies: ["ColonyCore"], swiftSettings: settings),
    .target(name: "ColonyBalancing", dependencies: ["ColonyCore", "ColonyHashing"], swiftSettings: settings),
]

// MARK: Floor 2, blocks with a port

let floor2: [Target] = [
    .target(
        name: "ColonyCoordination",
        dependencies: ["ColonyCore", "ColonyIdentifiers", "ColonyResilience", .deque],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyQueues",
        dependencies: ["ColonyCore", .deque, .instrumentation, .serviceLifecycle, .tracing],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyTransactions",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyQueues", "ColonyResilience", .crypto, .serviceLifecycle,
        ],
        swiftSettings: settings
    ),
    .target(name: "ColonyCluster", dependencies: ["ColonyCore", .serviceLifecycle], swiftSettings: settings),
    .target(
        name: "ColonyQuorum",
        dependencies: ["ColonyCore", "ColonyCaches", "ColonyClocks", "ColonyHashing", .serviceLifecycle],
        swiftSettings: settings
    ),
]

// MARK: Floor 3, engines

let floor3: [Target] = [
    .target(
        name: "ColonyMemory",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues", "ColonyResilience",
            "ColonyTransactions", .deque, .heap,
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonySQLite",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyCoordination", "ColonyQueues", "ColonyResilience",
            "ColonyTransactions", .grdb, .sqlite,
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyRemote",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues", "ColonyResilience",
            "ColonyTransactions", .asyncHTTPClient, .nioCore, .nioHTTP1, .nioFoundationCompat,
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyRedis",
        dependencies: [
            "ColonyCore", "ColonyCaches", "ColonyCoordination", "ColonyRESP", "ColonyResilience", "ColonyTransactions",
            .crypto, .deque, .nioCore, .nioPosix, .nioSSL,
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyMemcached",
        dependencies: ["ColonyCore", "ColonyHashing", "ColonyCaches", .deque, .nioCore, .nioPosix],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyClusterTransport",
        dependencies: [
            "ColonyCore", "ColonyCluster", "ColonyCoordination", "ColonyResilience", .crypto, .log, .nioCore, .nioPosix,
            .nioSSL, .serviceLifecycle,
        ],
        swiftSettings: settings
    ),
    // What these three stand on comes with the package trait of their name; without it they are empty modules.
    .target(
        name: "ColonyPostgres",
        dependencies: [
            "ColonyCore", "ColonyCoordination", "ColonyTransactions", .deque, "ColonyQueues",
            .target(name: "CLibPQ", condition: .when(traits: ["Postgres"])),
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyZooKeeper",
        dependencies: [
            "ColonyCore", "ColonyCoordination", .target(name: "CZooKeeper", condition: .when(traits: ["ZooKeeper"])),
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyEtcd",
        dependencies: [
            "ColonyCore", "ColonyCoordination", .grpc, .grpcProtobuf, .grpcTransport, .nioCore, .nioSSL, .protobuf,
        ],
        exclude: ["Wire/etcd.proto"],
        swiftSettings: settings
    ),
    .systemLibrary(
        name: "CLibPQ", path: "Sources/SystemLibraries/CLibPQ", pkgConfig: "libpq",
        providers: [.apt(["libpq-dev"]), .brew(["libpq"])]),
    .systemLibrary(
        name: "CZooKeeper", path: "Sources/SystemLibraries/CZooKeeper",
        providers: [.apt(["libzookeeper-mt-dev"]), .brew(["zookeeper"])]),
]

// MARK: Floor 4, servers

let floor4: [Target] = [
    .target(
        name: "ColonyProxy",
        dependencies: [
            "ColonyCore", "ColonyBalancing", "ColonyCoordination", "ColonyHashing", "ColonyResilience", .log, .metrics,
            .nioCore, .nioHPACK, .nioHTTP2, .nioPosix, .nioSSL, .nioTLS, .serviceLifecycle,
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyServer",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues", "ColonyResilience",
            "ColonyBalancing", "ColonyProxy", "ColonyTransactions", "ColonyCluster", "ColonyClusterTransport",
            "ColonyHashing",
            .configuration, .crypto, .httpTypes, .hummingbirdCore, .hummingbirdTLS, .log, .metrics, .nioCore,
            .nioHTTP1, .nioHTTPTypes, .nioPosix, .nioSSL, .serviceLifecycle, .yams,
        ],
        resources: [.embedInCode("Console/Resources")],
        swiftSettings: settings
    ),
]

// MARK: Beside floor 4, for servers and clients of others

let adapters: [Target] = [
    .target(
        name: "ColonyHummingbird",
        dependencies: ["ColonyCore", "ColonyResilience", .httpTypes, .hummingbird, .nioCore],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyAsyncHTTPClient",
        dependencies: ["ColonyCore", "ColonyResilience", .asyncHTTPClient, .nioCore, .nioHTTP1, .nioPosix],
        swiftSettings: settings
    ),
]

// MARK: Floor 5, the executable

let floor5: [Target] = [
    .executableTarget(
        name: "colony",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues",
            "ColonyResilience", "ColonyMemory", "ColonySQLite", "ColonyRemote", "ColonyRedis", "ColonyMemcached",
            "ColonyPostgres", "ColonyZooKeeper", "ColonyEtcd", "ColonyServer", "ColonyConformance", "ColonyWorkloads",
            "ColonyBalancing", "ColonyProxy", "ColonyTransactions", "ColonyHashing", .argumentParser, .log,
            .serviceLifecycle, .unixSignals,
        ],
        swiftSettings: settings
    )
]

// MARK: Examples, which see what a user of the package sees

let examples: [Target] = [
    .executableTarget(
        name: "order-service",
        dependencies: [
            "ColonyCore", "ColonyCoordination", "ColonyQueues", "ColonyResilience", "ColonySQLite",
            "ColonyTransactions",
            .argumentParser, .asyncHTTPClient, .grdb, .hummingbird, .log, .nioCore, .nioFoundationCompat,
            .nioHTTP1, .serviceLifecycle, .unixSignals,
        ],
        path: "Examples/OrderService",
        exclude: ["README.md", "chaos"],
        packageAccess: false,
        swiftSettings: settings
    )
]

// MARK: Beside the house

let beside: [Target] = [
    .target(
        name: "ColonySimulation",
        dependencies: ["ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyQueues", "ColonyTransactions"],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyConformance",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues", "ColonyResilience",
            "ColonyTransactions",
        ],
        swiftSettings: settings
    ),
    .target(
        name: "ColonyWorkloads",
        dependencies: [
            "ColonyCore", "ColonyIdentifiers", "ColonyHashing", "ColonyBalancing", "ColonyCaches", "ColonyCoordination",
            "ColonyMemory", "ColonyQueues", "ColonyResilience", "ColonySQLite", "ColonySimulation",
            "ColonyTransactions",
        ],
        swiftSettings: settings
    ),
]

let package = Package(
    name: "colony",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "ColonyCore", targets: ["ColonyCore"]),
        .library(name: "ColonyIdentifiers", targets: ["ColonyIdentifiers"]),
        .library(name: "ColonyHashing", targets: ["ColonyHashing"]),
        .library(name: "ColonyClocks", targets: ["ColonyClocks"]),
        .library(name: "ColonyCaches", targets: ["ColonyCaches"]),
        .library(name: "ColonyRESP", targets: ["ColonyRESP"]),
        .library(name: "ColonyResilience", targets: ["ColonyResilience"]),
        .library(name: "ColonyBalancing", targets: ["ColonyBalancing"]),
        .library(name: "ColonyCoordination", targets: ["ColonyCoordination"]),
        .library(name: "ColonyMemory", targets: ["ColonyMemory"]),
        .library(name: "ColonySQLite", targets: ["ColonySQLite"]),
        .library(name: "ColonyRemote", targets: ["ColonyRemote"]),
        .library(name: "ColonyRedis", targets: ["ColonyRedis"]),
        .library(name: "ColonyMemcached", targets: ["ColonyMemcached"]),
        .library(name: "ColonyPostgres", targets: ["ColonyPostgres"]),
        .library(name: "ColonyZooKeeper", targets: ["ColonyZooKeeper"]),
        .library(name: "ColonyEtcd", targets: ["ColonyEtcd"]),
        .library(name: "ColonySimulation", targets: ["ColonySimulation"]),
        .library(name: "ColonyQueues", targets: ["ColonyQueues"]),
        .library(name: "ColonyTransactions", targets: ["ColonyTransactions"]),
        .library(name: "ColonyCluster", targets: ["ColonyCluster"]),
        .library(name: "ColonyClusterTransport", targets: ["ColonyClusterTransport"]),
        .library(name: "ColonyQuorum", targets: ["ColonyQuorum"]),
        .library(name: "ColonyConformance", targets: ["ColonyConformance"]),
        .library(name: "ColonyWorkloads", targets: ["ColonyWorkloads"]),
        .library(name: "ColonyServer", targets: ["ColonyServer"]),
        .library(name: "ColonyProxy", targets: ["ColonyProxy"]),
        .library(name: "ColonyHummingbird", targets: ["ColonyHummingbird"]),
        .library(name: "ColonyAsyncHTTPClient", targets: ["ColonyAsyncHTTPClient"]),
        .executable(name: "colony", targets: ["colony"]),
    ],
    traits: [
        .trait(name: "Postgres", description: "ColonyPostgres, on libpq"),
        .trait(name: "ZooKeeper", description: "ColonyZooKeeper, on the C client of Apache ZooKeeper"),
        .trait(name: "Etcd", description: "ColonyEtcd, on gRPC"),
        .trait(
            name: "AllEngines", description: "Every engine, also those that need more than the toolchain and SQLite",
            enabledTraits: ["Postgres", "ZooKeeper", "Etcd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: floor0 + floor1 + floor2 + floor3 + floor4 + adapters + floor5 + examples + beside + tests
)

// MARK: Tests mirror Sources

var tests: [Target] {
    [
        .testTarget(name: "ColonyCoreTests", dependencies: ["ColonyCore"], swiftSettings: settings),
        .testTarget(
            name: "ColonyIdentifiersTests",
            dependencies: ["ColonyCore", "ColonyIdentifiers", "ColonyMemory", "ColonySimulation"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyHashingTests",
            dependencies: ["ColonyHashing"],
            exclude: ["Reference"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyClocksTests",
            dependencies: ["ColonyCore", "ColonyClocks", "ColonySimulation"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyCachesTests",
            dependencies: ["ColonyCore", "ColonyCaches", "ColonyMemory", "ColonySimulation", "ColonyConformance"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyQueuesTests",
            dependencies: [
                "ColonyCore", "ColonyMemory", "ColonyQueues", "ColonySimulation", .inMemoryTracing, .instrumentation,
                .log, .serviceLifecycle, .tracing,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyTransactionsTests",
            dependencies: [
                "ColonyCore", "ColonyConformance", "ColonyMemory", "ColonyResilience", "ColonySimulation",
                "ColonyTransactions",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyClusterTests", dependencies: ["ColonyCore", "ColonyCluster", "ColonySimulation"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyClusterTransportTests",
            dependencies: [
                "ColonyCore", "ColonyCluster", "ColonyClusterTransport", "ColonyCoordination", "ColonyMemory",
                "ColonySimulation", "RealServers", "colony-cluster-probe", .log, .nioCore, .nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyQuorumTests",
            dependencies: [
                "ColonyCore", "ColonyCaches", "ColonyClocks", "ColonyHashing", "ColonyMemory", "ColonyQuorum",
                "ColonyRedis", "ColonySimulation", "RealServers",
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "ColonyRESPTests", dependencies: ["ColonyRESP"], swiftSettings: settings),
        .testTarget(
            name: "ColonyResilienceTests",
            dependencies: ["ColonyCore", "ColonyMemory", "ColonyResilience", "ColonySimulation", "ColonyConformance"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyBalancingTests",
            dependencies: ["ColonyCore", "ColonyBalancing", "ColonyHashing", "ColonySimulation"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyRedisTests",
            dependencies: [
                "ColonyCore", "ColonyCaches", "ColonyCoordination", "ColonyRESP", "ColonyRedis", "ColonyResilience",
                "ColonyConformance", "ColonyMemory", "ColonyTransactions", "RealServers", .nioCore, .nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyMemcachedTests",
            dependencies: [
                "ColonyCore", "ColonyCaches", "ColonyMemcached", "ColonyConformance", "RealServers", .nioCore,
                .nioPosix,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonySimulationTests",
            dependencies: ["ColonyCore", "ColonySimulation", "ColonyMemory"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyMemoryTests",
            dependencies: [
                "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyMemory",
                "ColonyConformance", "ColonyQueues", "ColonyResilience", "ColonySimulation",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyCoordinationTests",
            dependencies: [
                "ColonyCore", "ColonyIdentifiers", "ColonyCoordination", "ColonyMemory", "ColonyResilience",
                "ColonySimulation", "ColonyConformance",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonySQLiteTests",
            dependencies: [
                "ColonyCore", "ColonyIdentifiers", "ColonyCoordination", "ColonyQueues", "ColonyResilience",
                "ColonyTransactions", "ColonyMemory", "ColonySQLite", "ColonyConformance", "ColonySimulation", .grdb,
                .sqlite, "RealServers", "colony-crash-probe", "colony-queue-probe", .serviceLifecycle,
                "colony-outbox-probe",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyServerTests",
            dependencies: [
                "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues",
                "ColonyResilience", "ColonyBalancing", "ColonyMemory", "ColonyProxy",
                "ColonySQLite", "ColonyServer", "ColonyRemote", "ColonyConformance", "ColonySimulation",
                "ColonyTransactions", "RealServers",
                .asyncHTTPClient, .log,
                .metrics, .nioCore,
                .nioFoundationCompat, .nioHTTP1,
                .nioPosix, .nioSSL, .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyProxyTests",
            dependencies: [
                "ColonyCore", "ColonyBalancing", "ColonyCoordination", "ColonyMemory", "ColonyProxy",
                "ColonyResilience", "ColonySimulation", "RealServers", .log, .nioCore, .nioHPACK, .nioPosix, .nioSSL,
                .serviceLifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyHummingbirdTests",
            dependencies: [
                "ColonyCore", "ColonyHummingbird", "ColonyResilience", "ColonySimulation", .httpTypes, .hummingbird,
                .hummingbirdTesting, .nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyAsyncHTTPClientTests",
            dependencies: [
                "ColonyCore", "ColonyAsyncHTTPClient", "ColonyResilience", "ColonySimulation", .asyncHTTPClient,
                .httpTypes, .hummingbird, .hummingbirdTesting, .nioCore, .nioHTTP1,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyQueues", "ColonySQLite", "ColonyRemote",
                "ColonyTransactions", "RealServers", "colony",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyWorkloadsTests",
            dependencies: [
                "ColonyCore", "ColonyBalancing", "ColonyHashing", "ColonyCaches", "ColonyWorkloads",
                "colony-workload-worker",
            ],
            exclude: ["Traces"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "IdentifierProcessTests",
            dependencies: ["ColonyCore", "colony-id-probe"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyPostgresTests",
            dependencies: [
                "ColonyCore", "ColonyCoordination", "ColonyPostgres", "ColonyResilience", "ColonyTransactions",
                "ColonyConformance", "RealServers", "ColonyMemory", "ColonyQueues", "ColonySimulation",
                .target(name: "CLibPQ", condition: .when(traits: ["Postgres"])),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyZooKeeperTests",
            dependencies: [
                "ColonyCore", "ColonyCoordination", "ColonyZooKeeper", "ColonyConformance", "RealServers",
                .target(name: "CZooKeeper", condition: .when(traits: ["ZooKeeper"])),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyEtcdTests",
            dependencies: [
                "ColonyCore", "ColonyCoordination", "ColonyEtcd", "ColonyConformance", "RealServers",
                .grpc, .grpcTransport,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ColonyFaultTests",
            dependencies: [
                "ColonyCore", "ColonySimulation", "ColonyResilience", "FaultHarness", "FaultHistory", "RealServers",
                "colony",
                "colony-fault-probe", "colony-faults", "ColonyCoordination", "EngineUnderFaults",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ExampleTests", dependencies: ["ColonyCore", "RealServers", "order-service", .grdb],
            swiftSettings: settings),
        .testTarget(name: "HouseRulesTests", swiftSettings: settings),

        // What tests of several targets need to start servers of other people.
        .target(
            name: "RealServers", dependencies: ["ColonyCore"], path: "Tests/RealServers", swiftSettings: settings),

        // Every engine by its URL, and one that is broken on purpose.
        .target(
            name: "EngineUnderFaults",
            dependencies: [
                "ColonyCore", "ColonySQLite", "ColonyRemote", "ColonyRedis", "ColonyPostgres", "ColonyZooKeeper",
                "ColonyEtcd",
            ],
            path: "Tests/EngineUnderFaults", swiftSettings: settings),

        // What happens under faults, what must not, and who brings the faults about.
        .target(name: "FaultHistory", path: "Tests/FaultHistory", swiftSettings: settings),
        .target(
            name: "FaultHarness",
            dependencies: ["ColonyCore", "ColonySimulation", "FaultHistory", "RealServers"],
            path: "Tests/FaultHarness", swiftSettings: settings),

        // Programs that tests start, stop, and kill.
        .executableTarget(
            name: "colony-crash-probe",
            dependencies: [
                "ColonyCore", "ColonyCoordination", "ColonyIdentifiers", "ColonyResilience", "ColonySQLite",
                "ColonyTransactions",
            ],
            path: "Tests/colony-crash-probe",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-cluster-probe",
            dependencies: ["ColonyCore", "ColonyCluster", "ColonyClusterTransport", "ColonyCoordination"],
            path: "Tests/colony-cluster-probe",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-queue-probe",
            dependencies: ["ColonyCore", "ColonyQueues", "ColonySQLite"],
            path: "Tests/colony-queue-probe",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-outbox-probe",
            dependencies: ["ColonyCore", "ColonyQueues", "ColonySQLite", "ColonyTransactions", .grdb],
            path: "Tests/colony-outbox-probe",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-id-probe",
            dependencies: ["ColonyCore", "ColonyIdentifiers", "ColonySQLite"],
            path: "Tests/colony-id-probe",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-fault-probe",
            dependencies: [
                "ColonyCore", "ColonyCoordination", "ColonySQLite", "ColonySimulation", "EngineUnderFaults",
                "FaultHistory", .grdb,
            ],
            path: "Tests/colony-fault-probe",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-faults",
            dependencies: ["ColonyCore", "ColonySimulation", "FaultHarness", "FaultHistory", "RealServers"],
            path: "Tests/colony-faults",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "colony-workload-worker",
            dependencies: ["ColonyWorkloads"],
            path: "Tests/colony-workload-worker",
            swiftSettings: settings
        ),
    ]
}

// MARK: Libraries from elsewhere

extension Target.Dependency {
    static var argumentParser: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var asyncHTTPClient: Self { .product(name: "AsyncHTTPClient", package: "async-http-client") }
    static var configuration: Self { .product(name: "Configuration", package: "swift-configuration") }
    static var crypto: Self { .product(name: "Crypto", package: "swift-crypto") }
    static var deque: Self { .product(name: "DequeModule", package: "swift-collections") }
    static var grpc: Self { .etcd("GRPCCore", "grpc-swift-2") }
    static var grpcProtobuf: Self { .etcd("GRPCProtobuf", "grpc-swift-protobuf") }
    static var grpcTransport: Self { .etcd("GRPCNIOTransportHTTP2", "grpc-swift-nio-transport") }
    static var protobuf: Self { .etcd("SwiftProtobuf", "swift-protobuf") }
    static var heap: Self { .product(name: "HeapModule", package: "swift-collections") }
    static var grdb: Self { .product(name: "GRDB", package: "GRDB.swift") }
    static var httpTypes: Self { .product(name: "HTTPTypes", package: "swift-http-types") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var hummingbirdCore: Self { .product(name: "HummingbirdCore", package: "hummingbird") }
    static var hummingbirdTesting: Self { .product(name: "HummingbirdTesting", package: "hummingbird") }
    static var hummingbirdTLS: Self { .product(name: "HummingbirdTLS", package: "hummingbird") }
    static var inMemoryTracing: Self { .product(name: "InMemoryTracing", package: "swift-distributed-tracing") }
    static var instrumentation: Self { .product(name: "Instrumentation", package: "swift-distributed-tracing") }
    static var log: Self { .product(name: "Logging", package: "swift-log") }
    static var metrics: Self { .product(name: "Metrics", package: "swift-metrics") }
    static var nioCore: Self { .product(name: "NIOCore", package: "swift-nio") }
    static var nioFoundationCompat: Self { .product(name: "NIOFoundationCompat", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var nioHTTPTypes: Self { .product(name: "NIOHTTPTypes", package: "swift-nio-extras") }
    static var nioPosix: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioHTTP2: Self { .product(name: "NIOHTTP2", package: "swift-nio-http2") }
    static var nioHPACK: Self { .product(name: "NIOHPACK", package: "swift-nio-http2") }
    static var nioTLS: Self { .product(name: "NIOTLS", package: "swift-nio") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var serviceLifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var sqlite: Self { .product(name: "GRDBSQLite", package: "GRDB.swift") }
    static var tracing: Self { .product(name: "Tracing", package: "swift-distributed-tracing") }
    static var unixSignals: Self { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }

    /// What only the build with etcd needs, and only then is fetched.
    private static func etcd(_ name: String, _ package: String) -> Self {
        .product(name: name, package: package, condition: .when(traits: ["Etcd"]))
    }
}
