import ColonyWorkloads

/// The words after `colony-benchmarks`.
struct Arguments {
    var json = false
    var scale = 1.0
    var directory = "."
    var colony = ".build/release/colony"
    var etcdLocks = "Benchmarks/.peers/etcd-locks"
    var zookeeperPairs = "Benchmarks/.peers/zookeeper-pairs"
    var rabbitMQQueues = "Benchmarks/.peers/rabbitmq-queues"
    var twoPhase = "Benchmarks/.peers/two-phase"
    var uuidPeers = "Benchmarks/Peers/uuid"
    var caffeinePeer = "Benchmarks/Peers/caffeine"
    var caffeineLibrary = "/usr/share/java/caffeine.jar"
    var resilience4j = "Benchmarks/.peers/resilience4j/classes"
    var names: [String] = []

    static let usage = """
        usage: colony-benchmarks [--json] [--scale SHARE] [--directory FOLDER] [--colony FILE] [--etcd-locks FILE]
               [--zookeeper-pairs FILE] [--rabbitmq-queues FILE] [--two-phase FILE] [--uuid-peers FOLDER]
               [--caffeine-peer FOLDER] [--caffeine FILE] [--resilience4j FOLDER] [NAME...]

        Measures the workloads called NAME, or all. "queues" names all those of queues, "resilience" those of
        resilience, "transactions" those of transactions, "coordination" all those of engines on their servers, and "coordination-redis", -postgres, -etcd, and
        -zookeeper those of one. `make bench` builds what is
        needed and runs all.
        """

    init(_ words: some Sequence<String>) throws {
        var words = words.makeIterator()
        func value(of flag: String) throws -> String {
            guard let word = words.next() else { throw WorkloadError("\(flag) needs a value\n\(Self.usage)") }
            return word
        }
        while let word = words.next() {
            switch word {
            case "--json": self.json = true
            case "--scale":
                let text = try value(of: word)
                guard let scale = Double(text), scale > 0, scale.isFinite else {
                    throw WorkloadError("--scale must be a number greater than zero, not \(text)")
                }
                self.scale = scale
            case "--directory": self.directory = try value(of: word)
            case "--colony": self.colony = try value(of: word)
            case "--etcd-locks": self.etcdLocks = try value(of: word)
            case "--zookeeper-pairs": self.zookeeperPairs = try value(of: word)
            case "--rabbitmq-queues": self.rabbitMQQueues = try value(of: word)
            case "--two-phase": self.twoPhase = try value(of: word)
            case "--uuid-peers": self.uuidPeers = try value(of: word)
            case "--caffeine-peer": self.caffeinePeer = try value(of: word)
            case "--caffeine": self.caffeineLibrary = try value(of: word)
            case "--resilience4j": self.resilience4j = try value(of: word)
            case let flag where flag.hasPrefix("-"): throw WorkloadError("\(flag) is not known\n\(Self.usage)")
            default: self.names.append(word)
            }
        }
    }
}
