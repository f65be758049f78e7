import ColonyCore
import ColonyServer

/// Why the configuration of a member of a cluster is refused, after a change of one that is not.
func clusterRefusal(_ change: (inout DaemonConfiguration) -> Void) -> String? {
    var configuration = DaemonConfiguration()
    configuration.cluster.name = "orders"
    configuration.cluster.node = "a"
    change(&configuration)
    do {
        try configuration.validate()
        return nil
    } catch {
        return error.message
    }
}
