using System.CommandLine;
using System.CommandLine.Parsing;
using XeSvm.Peers;
using XeSvm.Statistics;

namespace XeSvm.Cli.CommandLine;

/// <summary>The options of <c>measure --peers</c>: migrations between devices.</summary>
internal sealed class PeerOptions
{
    private readonly Option<bool> _peers = new("--peers")
    {
        Description =
            "Measures migrations between the first two devices of each topology instead. Of the other options --size, --migrations and " +
            "--json go with it; IOMMUs are as the topology says.",
    };

    private readonly Option<string[]> _topologies = new("--topology")
    {
        Description = $"Topologies, repeated: {string.Join(", ", MachineTopology.BuiltInNames)} or a file. Default: all built-in ones. With --peers.",
        HelpName = "NAME|FILE",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<IReadOnlyList<string>?> _policies = Options.List(
        "--policy",
        "Who makes the addresses, a list: per-page as Linux 7.3 does, driver-owned as patches 6 to 11, broker as one mapping service would. Default: all. With --peers.",
        string.Join(", ", PeerMeasurementPlan.AllPolicies),
        name => PeerMeasurementPlan.AllPolicies.FirstOrDefault(policy => string.Equals(policy, name, StringComparison.OrdinalIgnoreCase)));

    /// <summary>Adds the options to the command, and the rules of how they go with its others.</summary>
    /// <param name="command">The command.</param>
    /// <param name="shared">Options of the command that go with these.</param>
    internal void AddTo(Command command, params Option[] shared)
    {
        Option[] others = [.. command.Options.Except(shared)];
        Option[] own = [_peers, _topologies, _policies];
        foreach (Option option in own)
        {
            command.Options.Add(option);
        }

        command.Validators.Add(result =>
        {
            bool wanted = result.GetResult(_peers) is not null;
            foreach (Option wrong in (wanted ? others : own.Skip(1)).Where(option => result.GetResult(option) is { Implicit: false }))
            {
                result.AddError(wanted
                    ? $"{wrong.Name} does not go with --peers; valid with it: --topology, --policy, {string.Join(", ", shared.Select(option => option.Name))}."
                    : $"{wrong.Name} needs --peers.");
            }
        });
    }

    /// <summary>Whether migrations between devices are asked for.</summary>
    internal bool IsWanted(ParseResult parsed) => parsed.GetValue(_peers);

    /// <summary>What the arguments ask for.</summary>
    /// <exception cref="MachineTopologyException">A topology cannot be used.</exception>
    internal PeerMeasurementPlan PlanOf(ParseResult parsed, IReadOnlyList<SvmSizeClass>? sizes, int? migrations)
    {
        IEnumerable<string> names = parsed.GetValue(_topologies) is { Length: > 0 } given ? given : MachineTopology.BuiltInNames;
        PeerMeasurementPlan plan = new() { Topologies = [.. names.Select(MachineTopology.Load)] };
        return plan with
        {
            Policies = parsed.GetValue(_policies) ?? plan.Policies,
            Sizes = sizes is null ? plan.Sizes : [.. sizes.Select(size => (ulong)size.Bytes)],
            Migrations = migrations ?? plan.Migrations,
        };
    }
}
