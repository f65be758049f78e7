import ColonyCore
import Foundation

/// The parent of several ``HandOverWorker`` processes.
enum HandOverProcesses {
    /// - Returns: The hand-overs from one process to another, as all workers saw them.
    static func run(
        handOvers: Int, processes: Int, folder: String, options: WorkloadOptions
    ) async throws -> [Duration] {
        // A program that was started as a worker and runs workloads instead would start itself without end.
        guard ProcessInfo.processInfo.environment[HandOverWorker.variable] == nil else {
            throw WorkloadError("\(options.worker) runs workloads although it was started as a worker")
        }
        let stamp = "\(folder)/stamp"
        try HandOverWorker.Stamp().write(to: stamp)
        var children: [(process: Process, output: String)] = []
        defer {
            for child in children where child.process.isRunning { child.process.terminate() }
        }
        for number in 0..<processes {
            let worker = HandOverWorker(
                store: "\(folder)/colony.db", stamp: stamp, output: "\(folder)/samples-\(number)", worker: number,
                handOvers: handOvers)
            let process = Process()
            process.executableURL = URL(filePath: options.worker)
            process.arguments = []
            var environment = ProcessInfo.processInfo.environment
            environment[HandOverWorker.variable] = String(decoding: try JSONEncoder().encode(worker), as: UTF8.self)
            process.environment = environment
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            children.append((process, worker.output))
        }
        let deadline = options.clock.now.advanced(by: .seconds(120))
        while children.contains(where: { $0.process.isRunning }) {
            guard options.clock.now < deadline else {
                throw WorkloadError("the processes of a hand-over were not done within two minutes")
            }
            try await options.clock.sleep(for: .milliseconds(20))
        }
        var samples: [Duration] = []
        for child in children {
            guard child.process.terminationStatus == 0, let data = FileManager.default.contents(atPath: child.output)
            else {
                throw WorkloadError(
                    "\(options.worker) did not serve as a worker; it must call LockWorkloads.runAsWorkerIfAsked() first"
                )
            }
            samples += try JSONDecoder().decode([Int64].self, from: data).map { .nanoseconds($0) }
        }
        guard !samples.isEmpty else { throw WorkloadError("no process ever took the lock from another") }
        return samples
    }
}
