import Foundation

/// Where the servers are that this machine has.
package enum InstalledPrograms {
    private static let folders = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/usr/sbin"]

    private static func find(_ name: String, in folders: [String] = InstalledPrograms.folders) -> String? {
        folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    package static let redis = find("redis-server")
    package static let etcd = find("etcd")
    package static let java = find("java")
    package static let compiler = find("cc")

    /// The folder of the programs of PostgreSQL's server, which Debian keeps out of the path.
    package static let postgres: String? = {
        let versions = (12...25).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        return (versions + folders).first { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") }
    }()

    /// The class path of ZooKeeper's server as Debian installs it.
    package static let zookeeper: String? = {
        let archive = "/usr/share/java/zookeeper.jar"
        return FileManager.default.fileExists(atPath: archive) ? "\(archive):/usr/share/java/*" : nil
    }()

    /// Whether missing programs are an error: where nobody reads what was skipped.
    package static let isMissingAnError = ProcessInfo.processInfo.environment["CI"] == "true"
}
