import ColonyCore
import Synchronization

extension ElectionNode {
    /// Ends it as the end of its process would: without a word, and without handing over. What was not written down is lost.
    package func crash() async {
        guard let loop = self.view.withLock({ $0.loop }) else { return }
        await loop.close(resigns: false)
    }

    /// Closes the socket at which it listens, as NIO does after some errors.
    package func loseListener() async {
        guard let loop = self.running else { return }
        await loop.perform { $0.loseListener() }
    }
}
