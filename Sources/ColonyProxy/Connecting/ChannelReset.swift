import NIOCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

extension ChannelHandlerContext {
    /// Closes the connection so that the other side sees an error and not an end.
    ///
    /// An end says that everything was sent. A relay that has lost the source of its bytes must not say that: an answer without a length
    /// would look whole. TLS says goodbye where a connection is closed, which means just that, so it is gone around.
    func reset() {
        if let provider = self.channel as? any SocketOptionProvider {
            // On the loop this is done at once; a socket that does not take it is closed the usual way.
            _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        self.closeSocket()
    }

    /// Closes the connection without a goodbye of TLS, and without waiting for one.
    func closeSocket() {
        if let end = try? self.pipeline.syncOperations.handler(type: SocketEnd.self) {
            _ = end.close(on: self.eventLoop)
        } else {
            self.close(promise: nil)
        }
    }
}
