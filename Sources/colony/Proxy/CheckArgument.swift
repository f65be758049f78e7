import ArgumentParser
import ColonyBalancing
import ColonyCore

/// A health check on the command line: `tcp`, `tls`, or `http:/path`.
struct CheckArgument {
    let kind: HealthCheck.Kind

    init(_ text: String) throws {
        switch text {
        case "tcp": self.kind = .tcp
        case "tls": self.kind = .tls(try HealthCheck.TLS())
        case _ where text.hasPrefix("http:"):
            do throws(BalancingError) {
                self.kind = .http(try HealthCheck.HTTP(path: String(text.dropFirst("http:".count))))
            } catch {
                throw ValidationError("--check \(NameRules.quoted(text)): \(error.message).")
            }
        default:
            throw ValidationError("--check \(NameRules.quoted(text)) is none of tcp, tls, and http:/path.")
        }
    }
}
