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
    /// would look whole.
    func reset() {
        if let provider = self.channel as? any SocketOptionProvider {
            // On the loop this is done at once; a socket that does not take it is closed the usual way.
            _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        self.close(promise: nil)
    }
}
