import ColonyCore
import ColonyWorkloads

/// Our UUIDs of version 4 beside what the standard libraries of Python and Java make, on one thread and in one run.
struct UUIDComparison {
    /// How many times as fast as the fastest of them ours must be, as a fact of the comparison.
    private static let times = "times the fastest"

    /// The folder with the peers' programs.
    let programs: String

    var all: [Workload] { [self.random] }

    private var random: Workload {
        Workload(
            name: "uuid4-beside-peers",
            title: "UUIDs of version 4, 1 thread, beside Python's uuid.uuid4 and Java's UUID.randomUUID",
            target: .atLeast(5, "times", of: Self.times)
        ) { [programs] workload, options in
            guard let ours = UUIDWorkload.all.first(where: { $0.name == "uuid4" }) else {
                throw WorkloadError("there is no workload uuid4")
            }
            var result = try await ours.run(options)
            let seconds = min(3, max(0.1, 3 * options.scale))
            let outcomes = try ScratchFolder.blocking(in: options.directory) { folder in
                try UUIDPeer.allCases.map { peer in
                    (peer, try peer.measure(seconds: seconds, programs: programs, folder: folder))
                }
            }
            let fastest = outcomes.map(\.1.ids_per_second).max() ?? .infinity
            result.workload = workload.name
            result.title = workload.title
            result.target = workload.target
            result.facts =
                outcomes.map { .init("\($0.0.rawValue) \($0.1.version)", $0.1.ids_per_second, "ids/s") } + [
                    .init(Self.times, result.figure / fastest, "times")
                ]
            return result
        }
    }
}
