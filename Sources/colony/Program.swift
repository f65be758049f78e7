import ArgumentParser
import ColonyWorkloads

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Where the program starts: checks the words, parses them, runs the command, and turns every failure into a sentence on
/// standard error and an exit code.
@main
struct Program {
    /// Not an `async` function, because the library under those lets every signal into the main thread while it waits.
    static func main() {
        do {
            let words = try CommandLineWords.ofThisProcess()
            // Signals must be held back before the first thread starts, and this is the last moment before it does.
            if words.runsCommand { SignalRelay.holdSignals() }
            Task.detached { await Self.run(words) }
        } catch {
            Failure.exit(with: error, for: Colony.self)
        }
        while true { pause() }
    }

    private static func run(_ words: CommandLineWords) async -> Never {
        do {
            // Workloads across processes start the program again.
            if try await LockWorkloads.runAsWorkerIfAsked() { Failure.exit(.success) }
            var command = try Colony.parseAsRoot(words.parsed)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            Failure.exit(.success)
        } catch {
            Failure.exit(with: error, for: Colony.self)
        }
    }
}
