/// What of a request algorithms by key place it by, so that equal keys come to the same endpoint.
///
/// A request without it is placed by the address of its client.
public enum PickKey: Hashable, Sendable {
    /// The address of the client, of IPv6 the first 64 bits.
    case clientAddress
    /// The value of the first header field with this name.
    case header(String)
    /// The value of the cookie with this name.
    case cookie(String)
    /// The value of the parameter with this name in the query, as the client sent it.
    case query(String)
    /// The path without the query, as the client sent it.
    case path

    func validate() throws(ProxyError) {
        switch self {
        case .clientAddress, .path: break
        case .header(let name): try FieldSyntax.check(name: name)
        case .cookie(let name):
            guard FieldSyntax.isToken(name), name.utf8.count <= 256 else {
                throw ProxyError(.invalidConfiguration, "\"\(name)\" is no name of a cookie")
            }
        case .query(let name):
            let isPlain = FieldSyntax.isTarget(name) && !name.utf8.contains { $0 == 0x26 || $0 == 0x3D }
            guard isPlain, (1...256).contains(name.utf8.count) else {
                throw ProxyError(.invalidConfiguration, "\"\(name)\" is no name of a parameter in a query")
            }
        }
    }
}
