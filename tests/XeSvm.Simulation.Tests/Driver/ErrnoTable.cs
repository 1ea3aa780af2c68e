using System.Collections;

namespace XeSvm.Simulation.Tests.Driver;

/// <summary>Makes one field or more of a good argument bad.</summary>
internal delegate void Change<T>(ref T argument)
    where T : unmanaged;

/// <summary>Rules of one ioctl: what is changed in a good argument, and the errno that must come back.</summary>
internal sealed class ErrnoTable<T> : IEnumerable<string>
    where T : unmanaged
{
    private readonly Dictionary<string, (int Errno, Change<T> Change)> _rules = [];

    /// <summary>The rules by name, for a theory.</summary>
    public TheoryData<string> Names => [.. _rules.Keys];

    /// <summary>The rules of one item, whose names begin with it and a colon.</summary>
    public TheoryData<string> Of(string item) => [.. _rules.Keys.Where(rule => rule.StartsWith(item + ": ", StringComparison.Ordinal))];

    public void Add(string rule, int errno, Change<T> change) => _rules.Add(rule, (errno, change));

    /// <summary>Breaks a rule; returns what the ioctl must answer.</summary>
    public int Break(string rule, ref T argument)
    {
        (int errno, Change<T> change) = _rules[rule];
        change(ref argument);
        return -errno;
    }

    public IEnumerator<string> GetEnumerator() => _rules.Keys.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
