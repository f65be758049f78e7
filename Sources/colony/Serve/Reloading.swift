import ColonyServer
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the configuration file again on SIGHUP.
struct Reloading: Service {
    let daemon: Daemon
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in await UnixSignalsSequence(trapping: .sighup) {
                do throws(DaemonError) {
                    try await self.daemon.reloadProxies()
                    self.logger.notice("the configuration file was read again")
                } catch {
                    self.logger.error(
                        "the configuration file could not be used; what ran before runs on",
                        metadata: ["reason": "\(error.message)"])
                }
            }
        }
    }
}
