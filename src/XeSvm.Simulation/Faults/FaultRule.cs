using System.Globalization;
using System.Text;

namespace XeSvm.Simulation;

/// <summary>
/// Which occurrences of a <see cref="FaultPoint"/> fail: from the k-th on (<see cref="At"/>), or each with a probability
/// (<see cref="Probability"/>). One of the two is given; <see cref="FaultPoint.Userfaultfd"/> takes neither.
/// </summary>
/// <param name="Point">Where.</param>
public sealed record FaultRule(FaultPoint Point)
{
    private const int LastPage = PageConstants.BlockPages - 1;
    private static readonly TimeSpan s_longestDelay = TimeSpan.FromSeconds(10);

    /// <summary>The first occurrence that fails, from 1; 0: a <see cref="Probability"/> is given.</summary>
    public long At { get; init; }

    /// <summary>The probability that an occurrence fails, above 0 and at most 1; 0: <see cref="At"/> is given.</summary>
    public double Probability { get; init; }

    /// <summary>Failures at most; 0: one after <see cref="At"/>, any number with a <see cref="Probability"/>.</summary>
    public long Times { get; init; }

    /// <summary>Only the page of this index in its range counts, 0 to 511; for <see cref="FaultPoint.Link"/> only. Null: every page counts.</summary>
    public int? Page { get; init; }

    /// <summary>How long a copy is held up; for <see cref="FaultPoint.SlowCopy"/> only, from 1 us to 10 s.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>Checks the rule.</summary>
    /// <exception cref="FormatException">It makes no sense; the message says why and what is valid.</exception>
    public void Validate()
    {
        string point = (uint)Point < (uint)FaultPointNames.Count
            ? FaultPointNames.Of(Point)
            : throw new FormatException($"{(int)Point} is no point where faults are injected; {FaultPointNames.All} are.");
        if (Point == FaultPoint.Userfaultfd)
        {
            Require(At == 0 && Probability == 0 && Times == 0, $"'{point}' is there or not: it takes no arguments.");
        }
        else
        {
            Require((At != 0) != (Probability != 0), $"'{point}' needs either at=K or p=X.");
        }

        Require(At >= 0, $"at={At} of '{point}' is not valid; the first occurrence is 1.");
        Require(Probability is >= 0 and <= 1, $"p={Number(Probability)} of '{point}' is not valid; above 0 and at most 1 is.");
        Require(Times >= 0, $"times={Times} of '{point}' is not valid; 1 or more is.");
        Require(Page is null || Point == FaultPoint.Link, $"'{point}' takes no page=K; 'link' does.");
        Require(Page is null or (>= 0 and <= LastPage), $"page={Page} of '{point}' is not valid; 0 to {LastPage} is.");
        Require(
            Point == FaultPoint.SlowCopy ? Delay >= TimeSpan.FromMicroseconds(1) && Delay <= s_longestDelay : Delay == TimeSpan.Zero,
            Point == FaultPoint.SlowCopy ? $"'{point}' needs us=N, from 1 to {Number(s_longestDelay.TotalMicroseconds)}." : $"'{point}' takes no us=N; 'slow-copy' does.");

        static void Require(bool condition, string message)
        {
            if (!condition)
            {
                throw new FormatException(message);
            }
        }
    }

    /// <summary>The rule as <see cref="FaultPlan.Parse"/> takes it.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(FaultPointNames.Of(Point));
        char separator = ':';
        Append(At != 0, "at", At.ToString(CultureInfo.InvariantCulture));
        Append(Probability != 0, "p", Number(Probability));
        Append(Times != 0, "times", Times.ToString(CultureInfo.InvariantCulture));
        Append(Page is not null, "page", Number(Page ?? 0));
        Append(Delay != TimeSpan.Zero, "us", Number(Delay.TotalMicroseconds));
        return text.ToString();

        void Append(bool given, string name, string value)
        {
            if (given)
            {
                text.Append(separator).Append(name).Append('=').Append(value);
                separator = ',';
            }
        }
    }

    private static string Number(double value) => value.ToString("R", CultureInfo.InvariantCulture);
}
