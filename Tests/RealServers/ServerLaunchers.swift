import Foundation

/// Where a server listens.
package struct ServerPlace: Sendable {
    package let address: String
    package let ports: [Int]
    package let namespace: String?

    /// Free ports of the loopback address.
    package static func loopback(ports count: Int) throws -> ServerPlace {
        ServerPlace(address: "127.0.0.1", ports: try FreePort.take(count), namespace: nil)
    }

    /// On a host of a network of its own, where every port is free.
    package static func host(_ host: PrivateNetwork.Host, ports count: Int) -> ServerPlace {
        ServerPlace(address: host.address, ports: (0..<count).map { 7_000 + $0 }, namespace: host.namespace)
    }
}

/// How the servers of other people are started; none is started yet by these.
package enum ServerLaunchers {
    private static func needed(_ program: String?, _ package: String) throws -> String {
        guard let program else { throw ServerFailure("not installed (Debian's package is \(package))") }
        return program
    }

    /// A Redis. With `isDurable` it has every write on disk before it answers, and comes back with it.
    package static func redis(
        _ name: String = "redis", at place: ServerPlace, in folder: String, isDurable: Bool = true,
        environment: [String: String] = [:], _ more: [String] = []
    ) throws -> ServerProcess {
        let data = "\(folder)/\(name)"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        let durability = isDurable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]
        let words =
            [
                "--bind", place.address, "--protected-mode", "no", "--port", "\(place.ports[0])", "--dir", data,
                "--save", "", "--daemonize", "no",
            ] + durability + more
        return ServerProcess(
            name,
            ServerProcess.Command(
                try Self.needed(InstalledPrograms.redis, "redis-server"), words, environment: environment, in: folder,
                namespace: place.namespace))
    }

    /// A PostgreSQL with a new cluster in `folder`, which belongs to the user of the server; trusts who reaches it.
    package static func postgres(
        at place: ServerPlace, in folder: String, environment: [String: String] = [:]
    ) throws -> ServerProcess {
        let programs = try Self.needed(InstalledPrograms.postgres, "postgresql")
        let data = "\(folder)/data"
        let initialize = [
            "\(programs)/initdb", "-D", data, "-U", "colony", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync",
        ]
        if geteuid() == 0 {
            try Run.toEnd(
                "/usr/bin/setpriv",
                ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] + initialize)
        } else {
            try Run.toEnd(initialize[0], Array(initialize.dropFirst()))
        }
        if place.namespace != nil {
            let access = "\(data)/pg_hba.conf"
            let rules = try String(contentsOfFile: access, encoding: .utf8)
            try (rules + "host all all 10.77.0.0/24 trust\n").write(toFile: access, atomically: false, encoding: .utf8)
        }
        let words = [
            "-D", data, "-p", "\(place.ports[0])", "-c", "listen_addresses=\(place.address)", "-c",
            "unix_socket_directories=\(folder)", "-c", "shared_buffers=32MB",
        ]
        return ServerProcess(
            "postgres",
            ServerProcess.Command(
                "\(programs)/postgres", words, environment: environment, in: folder, namespace: place.namespace,
                user: "postgres"))
    }

    /// The servers of one ensemble of ZooKeeper; three ports each.
    package static func zookeeper(at places: [ServerPlace], in folder: String) throws -> [ServerProcess] {
        let java = try Self.needed(InstalledPrograms.java, "default-jre-headless")
        let classes = try Self.needed(InstalledPrograms.zookeeper, "zookeeper")
        let members = places.enumerated().map { index, place in
            "server.\(index + 1)=\(place.address):\(place.ports[1]):\(place.ports[2])"
        }
        return try places.enumerated().map { index, place in
            let data = "\(folder)/data\(index + 1)"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            try "\(index + 1)\n".write(toFile: "\(data)/myid", atomically: true, encoding: .utf8)
            let lines =
                [
                    "tickTime=250", "initLimit=20", "syncLimit=8", "dataDir=\(data)", "clientPort=\(place.ports[0])",
                    "clientPortAddress=\(place.address)", "admin.enableServer=false", "4lw.commands.whitelist=*",
                ] + (places.count > 1 ? members : [])
            let configuration = "\(folder)/zookeeper\(index + 1).cfg"
            try (lines.joined(separator: "\n") + "\n").write(
                toFile: configuration, atomically: true, encoding: .utf8)
            return ServerProcess(
                "zookeeper\(index + 1)",
                ServerProcess.Command(
                    java,
                    [
                        "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-cp", classes,
                        "org.apache.zookeeper.server.quorum.QuorumPeerMain", configuration,
                    ], in: folder, namespace: place.namespace))
        }
    }

    /// The members of one cluster of etcd; two ports each.
    package static func etcd(at places: [ServerPlace], in folder: String) throws -> [ServerProcess] {
        let program = try Self.needed(InstalledPrograms.etcd, "etcd-server")
        let members = places.enumerated().map { index, place in
            "member\(index + 1)=http://\(place.address):\(place.ports[1])"
        }
        return places.enumerated().map { index, place in
            let client = "http://\(place.address):\(place.ports[0])"
            let peer = "http://\(place.address):\(place.ports[1])"
            return ServerProcess(
                "etcd\(index + 1)",
                ServerProcess.Command(
                    program,
                    [
                        "--name", "member\(index + 1)", "--data-dir", "\(folder)/data\(index + 1)",
                        "--listen-client-urls", client, "--advertise-client-urls", client, "--listen-peer-urls", peer,
                        "--initial-advertise-peer-urls", peer, "--initial-cluster", members.joined(separator: ","),
                        "--initial-cluster-state", "new", "--heartbeat-interval", "50", "--election-timeout", "500",
                    ], in: folder, namespace: place.namespace))
        }
    }

    /// A daemon of Colony on a store.
    package static func daemon(
        _ program: String, store: String, at place: ServerPlace, in folder: String
    ) -> ServerProcess {
        let isLoopback = place.namespace == nil
        let words =
            ["serve", "--http", "\(place.address):\(place.ports[0])", "--store", store, "--data", folder]
            + (isLoopback ? [] : ["--insecure"])
        return ServerProcess(
            "colony",
            ServerProcess.Command(
                program, words, environment: ["HOME": folder], in: folder, namespace: place.namespace))
    }
}
