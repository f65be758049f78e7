import Dispatch
import Foundation

extension Process {
    /// Returns when the process has ended and its ports are free, or after 20 seconds.
    ///
    /// `waitUntilExit` waits for Foundation's own thread to be told, which misses ends in a program that opens and closes
    /// hundreds of connections at the same time; it then waits for ever. The system knows better.
    package func waitUntilEnded() {
        #if os(Linux)
        let file = "/proc/\(self.processIdentifier)/stat"
        for _ in 0..<10_000 {
            // The name in brackets may hold anything; the state stands behind it. A zombie has closed everything.
            guard let line = try? String(contentsOfFile: file, encoding: .utf8),
                let state = line.split(separator: ")").last?.dropFirst().first, state != "Z", state != "X"
            else { return }
            _ = DispatchSemaphore(value: 0).wait(timeout: .now() + .milliseconds(2))
        }
        #else
        self.waitUntilExit()
        #endif
    }
}
