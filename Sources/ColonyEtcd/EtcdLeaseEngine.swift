#if Etcd
internal import GRPCCore
internal import GRPCNIOTransportHTTP2

/// The text of a status.
package func statusText(_ code: Int) -> String? { Status.Code(rawValue: code).map { "\($0)" } }
#endif
