using System.Diagnostics;
using System.Text.Json;

namespace XeSvm.Daemon.Tests.Support;

/// <summary>Asks a daemon, which tells nobody when it is done, until it is; a generous limit ends what never happens.</summary>
internal static class Polling
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    internal static async Task<JsonElement> UntilAsync(Func<Task<JsonElement>> ask, Func<JsonElement, bool> wanted, Func<string> log)
    {
        long begin = Stopwatch.GetTimestamp();
        using PeriodicTimer timer = new(s_pause);
        while (true)
        {
            JsonElement answer = await ask();
            if (wanted(answer))
            {
                return answer;
            }

            Assert.True(Stopwatch.GetElapsedTime(begin) < s_limit, $"It has not happened. Last answer:\n{answer}\nLog:\n{log()}");
            await timer.WaitForNextTickAsync();
        }
    }
}
