extension Rule {
    /// The rules about who may import what.
    static let imports: [Rule] = [exportedImports, testableImports, clientLibraries, floors, examples]

    private static let exportedImports = Rule(
        "Nobody re-exports a module, because users would come to depend on it",
        forbids: { $0.contains("@_exported") ? "@_exported" : nil },
        where: { _ in true },
        broken: [Example("Sources/ColonyCore/A.swift", "@_exported import Foundation")],
        kept: [Example("Sources/ColonyCore/A.swift", "public import Foundation // not @_exported")]
    )

    private static let testableImports = Rule(
        "Tests of a library use `package` access; only what stands at the top, the servers and the executables, is opened",
        forbids: { line in
            let isAtTheTop =
                line.contains("import colony") || line.contains("import ColonyServer")
                || line.contains("import ColonyProxy")
            return line.contains("@testable") && !isAtTheTop ? "@testable" : nil
        },
        where: { _ in true },
        broken: [Example("Tests/ColonyCoreTests/A.swift", "@testable import ColonyCore")],
        kept: [Example("Tests/CommandLineTests/A.swift", "@testable import colony")]
    )

    /// Which targets may import a library from elsewhere. Tests of a target may import what the target may.
    private static let importers: [String: Set<String>] = [
        "GRDB": ["ColonySQLite"],
        "Tracing": ["ColonyQueues"], "Instrumentation": ["ColonyQueues"],
        "Hummingbird": ["ColonyServer", "ColonyHummingbird"], "HummingbirdCore": ["ColonyServer"],
        "HummingbirdTLS": ["ColonyServer"],
        "HummingbirdTesting": ["ColonyServer"],
        "HTTPTypes": ["ColonyServer", "ColonyHummingbird"],
        "Configuration": ["ColonyServer"],
        "Crypto": ["ColonyServer", "ColonyHashing", "ColonyRedis", "ColonyTransactions", "ColonyClusterTransport"],
        "Yams": ["ColonyServer"],
        "NIOHTTPTypes": ["ColonyServer"],
        "GRPCCore": ["ColonyEtcd"], "GRPCProtobuf": ["ColonyEtcd"], "GRPCNIOTransportHTTP2": ["ColonyEtcd"],
        "SwiftProtobuf": ["ColonyEtcd"],
        "NIOSSL": ["ColonyServer", "ColonyProxy", "ColonyEtcd", "ColonyRedis", "ColonyClusterTransport"],
        "NIOPosix": [
            "ColonyServer", "ColonyProxy", "ColonyRedis", "ColonyMemcached", "ColonyAsyncHTTPClient",
            "ColonyClusterTransport",
        ],
        "NIOCore": [
            "ColonyServer", "ColonyProxy", "ColonyRemote", "ColonyRedis", "ColonyMemcached", "ColonyEtcd",
            "ColonyHummingbird", "ColonyAsyncHTTPClient", "ColonyClusterTransport",
        ],
        "NIOHTTP2": ["ColonyProxy"], "NIOHPACK": ["ColonyProxy"],
        "NIOHTTP1": ["ColonyServer", "ColonyRemote", "ColonyAsyncHTTPClient"],
        "NIOFoundationCompat": ["ColonyServer", "ColonyRemote"],
        "AsyncHTTPClient": ["ColonyRemote", "ColonyServer", "ColonyAsyncHTTPClient"],
        "ArgumentParser": ["colony"],
    ]

    /// The one place where a client library is part of a signature: it takes part in the caller's own transaction.
    private static func mayShowClientLibrary(_ file: SourceFile) -> Bool {
        // What these two are for is to stand in the pipeline of another framework.
        if ["ColonyHummingbird", "ColonyAsyncHTTPClient"].contains(file.target) { return true }
        let guards = ["FencedResource", "SQLiteOutbox", "SQLiteInbox", "SQLiteBarrier"]
        return file.target == "ColonySQLite"
            && (guards.contains { file.fileName.hasPrefix($0) }
                || file.fileName == "SQLiteQueueEngine+Transaction.swift")
    }

    private static let clientLibraries = Rule(
        statement: "A client library is imported by its own target only, and shows in no public signature",
        breaches: { file in
            guard file.path.hasPrefix("Sources/") else { return [] }
            return ImportLine.all(in: file).compactMap { line in
                guard let allowed = importers[line.module] else { return nil }
                if !allowed.contains(file.target) {
                    return (line.number, "\(file.target) must not import \(line.module)")
                }
                // An engine hides its client. ColonyServer and the executable are at the top and hide what they can.
                if line.isPublic, file.target != "colony", !mayShowClientLibrary(file) {
                    return (line.number, "\(line.module) must not show in a public signature")
                }
                return nil
            }
        },
        broken: [
            Example("Sources/ColonyCoordination/A.swift", "import GRDB"),
            Example("Sources/ColonyMemory/A.swift", "internal import NIOCore"),
            Example("Sources/ColonySQLite/A.swift", "public import GRDB"),
            Example("Sources/ColonyRemote/A.swift", "import struct Hummingbird.Request"),
        ],
        kept: [
            Example("Sources/ColonySQLite/A.swift", "import GRDB\ninternal import struct GRDB.Row"),
            Example("Sources/ColonySQLite/Fencing/FencedResource.swift", "public import GRDB"),
            Example("Sources/ColonySQLite/Outbox/SQLiteOutbox.swift", "public import GRDB"),
            Example("Sources/ColonyServer/A.swift", "import Hummingbird // not GRDB"),
        ]
    )

    /// The floor of each of our targets. Those beside the house are named with what they may import.
    private static let floor: [String: Int] = [
        "ColonyCore": 0,
        "ColonyCaches": 1, "ColonyBalancing": 1, "ColonyResilience": 1, "ColonyIdentifiers": 1, "ColonyHashing": 1,
        "ColonyClocks": 1, "ColonyRESP": 1,
        "ColonyCoordination": 2, "ColonyQueues": 2, "ColonyTransactions": 2, "ColonyCluster": 2,
        "ColonyQuorum": 2,
        "ColonyMemory": 3, "ColonySQLite": 3, "ColonyRemote": 3, "ColonyRedis": 3, "ColonyPostgres": 3,
        "ColonyZooKeeper": 3, "ColonyEtcd": 3, "ColonyRabbitMQ": 3, "ColonyKafka": 3, "ColonyMemcached": 3,
        "ColonyClusterTransport": 3,
        // The daemon runs proxies, so it stands above them on the floor of the servers.
        "ColonyProxy": 4, "ColonyServer": 5,
        "colony": 6,
    ]
    private static let beside: [String: Set<String>] = [
        "ColonyHummingbird": ["ColonyCore", "ColonyResilience"],
        "ColonyAsyncHTTPClient": ["ColonyCore", "ColonyResilience"],
        "ColonySimulation": [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyQueues", "ColonyTransactions",
        ],
        "ColonyConformance": [
            "ColonyCore", "ColonyIdentifiers", "ColonyCaches", "ColonyCoordination", "ColonyQueues",
            "ColonyResilience", "ColonyTransactions",
        ],
        "ColonyWorkloads": [
            "ColonyCore", "ColonyBalancing", "ColonyCoordination", "ColonyIdentifiers", "ColonyHashing", "ColonyCaches",
            "ColonyMemory", "ColonyQueues", "ColonyResilience", "ColonySQLite", "ColonySimulation",
            "ColonyTransactions",
        ],
    ]

    private static let examples = Rule(
        "An example is a service as its readers write one: of blocks and engines, not of what tests, measures, or serves them",
        forbids: { line in
            firstWord(
                of: [
                    "ColonyConformance", "ColonySimulation", "ColonyWorkloads", "ColonyServer", "ColonyMemory",
                    "RealServers",
                ], in: line)
        },
        where: { $0.path.hasPrefix("Examples/") },
        broken: [
            Example("Examples/OrderService/A.swift", "import ColonySimulation"),
            Example("Examples/OrderService/Stock/A.swift", "import RealServers"),
        ],
        kept: [Example("Examples/OrderService/A.swift", "import ColonySQLite // not ColonyMemory")]
    )

    private static let floors = Rule(
        statement: "Arrows only point down: a floor imports lower floors, an engine imports no other engine",
        breaches: { file in
            guard file.path.hasPrefix("Sources/") else { return [] }
            return ImportLine.all(in: file).compactMap { line in
                let from = file.target
                let to = line.module
                guard to.hasPrefix("Colony"), to != from else { return nil }
                if let allowed = beside[from] {
                    return allowed.contains(to) ? nil : (line.number, "\(from) must not import \(to)")
                }
                if beside[to] != nil {
                    // They are for tests and for tools such as the executable.
                    return from == "colony" ? nil : (line.number, "\(from) must not import \(to)")
                }
                guard let height = floor[from], let other = floor[to] else {
                    return (line.number, "\(floor[from] == nil ? from : to) is on no floor: add it to this rule")
                }
                // Blocks with a port may build on one another, and those without I/O on the hash functions; the package
                // manager refuses circles.
                let pointsDown = other < height || (height == 2 && other == 2) || (height == 1 && to == "ColonyHashing")
                return pointsDown ? nil : (line.number, "\(from) must not import \(to)")
            }
        },
        broken: [
            Example("Sources/ColonyCore/A.swift", "import ColonyMemory"),
            Example("Sources/ColonyCoordination/A.swift", "import ColonySQLite"),
            Example("Sources/ColonyClocks/A.swift", "import ColonyCaches"),
            Example("Sources/ColonySQLite/A.swift", "public import ColonyMemory"),
            Example("Sources/ColonyServer/A.swift", "import ColonySimulation"),
            Example("Sources/ColonyProxy/A.swift", "import ColonyServer"),
            Example("Sources/ColonyConformance/A.swift", "import ColonyMemory"),
            Example("Sources/ColonyNowhere/A.swift", "import ColonyCore"),
        ],
        kept: [
            Example("Sources/ColonyServer/A.swift", "import ColonySQLite\npublic import ColonyCore"),
            Example("Sources/colony/A.swift", "import ColonyServer\nimport ColonyConformance"),
            Example("Sources/ColonyServer/A.swift", "import ColonyProxy"),
            Example("Sources/ColonyTransactions/A.swift", "import ColonyQueues"),
            Example("Sources/ColonyCaches/A.swift", "import ColonyHashing"),
        ]
    )
}

/// An import declaration.
struct ImportLine {
    let number: Int
    let module: String
    let isPublic: Bool

    static func all(in file: SourceFile) -> [ImportLine] {
        file.code.enumerated().compactMap { number, line in
            var words = line.split(separator: " ").map(String.init)
            let isPublic = words.contains("public") || words.contains("@_exported")
            words.removeAll { word in
                word.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(word)
            }
            guard words.first == "import", words.count >= 2 else { return nil }
            let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
            let name = kinds.contains(words[1]) && words.count >= 3 ? words[2] : words[1]
            let module = name.split(separator: ".").first.map(String.init) ?? name
            return ImportLine(number: number + 1, module: module, isPublic: isPublic)
        }
    }
}
