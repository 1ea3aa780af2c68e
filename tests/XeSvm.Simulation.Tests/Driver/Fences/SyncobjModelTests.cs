using CsCheck;

using XeSvm.Simulation.Driver.Fences;
using XeSvm.Simulation.Gpu;

namespace XeSvm.Simulation.Tests.Driver.Fences;

/// <summary>A syncobj against a naive model: every point ever added is kept, and a point is signalled when all up to it are.</summary>
public sealed class SyncobjModelTests
{
    private const int Fences = 12;

    private static readonly Step[] s_steps = [Step.Add, Step.Add, Step.Add, Step.Complete, Step.Complete, Step.Replace, Step.Reset];

    private enum Step
    {
        Add,
        Complete,
        Replace,
        Reset,
    }

    [Fact]
    [Trait("Rule", "20.syncobj")]
    public void Random_points_and_completions_give_what_the_model_gives()
    {
        Gen<(Step Step, int Amount)[]> steps = Gen.Select(
            Gen.Int[0, s_steps.Length - 1], Gen.Int[1, 5], (step, amount) => (s_steps[step], amount)).Array[0, 60];
        steps.Sample(
            sequence =>
            {
                var machine = new Machine();
                foreach ((Step step, int amount) in sequence)
                {
                    machine.Run(step, amount);
                    machine.Check();
                }
            },
            iter: 400);
    }

    /// <summary>The syncobj and its model, fed from one timeline for each fence.</summary>
    private sealed class Machine
    {
        private readonly Syncobj _syncobj = new();
        private readonly List<FenceTimeline> _open = [];
        private readonly List<(ulong Point, FenceTimeline Timeline)> _points = [];
        private FenceTimeline? _binary;
        private ulong _last;

        public void Run(Step step, int amount)
        {
            switch (step)
            {
                case Step.Add when _open.Count < Fences:
                    _last += (ulong)amount;
                    _points.Add((_last, Open()));
                    _syncobj.AddPoint(new DmaFence(_open[^1], 1), _last);
                    break;
                case Step.Complete when _open.Count != 0:
                    int index = amount % _open.Count;
                    _open[index].Complete(1);
                    _open.RemoveAt(index);
                    break;
                case Step.Replace when _open.Count < Fences:
                    Empty();
                    _binary = Open();
                    _syncobj.Replace(new DmaFence(_binary, 1));
                    break;
                case Step.Reset:
                    Empty();
                    _syncobj.Replace(default);
                    break;
            }
        }

        public void Check()
        {
            bool base0 = _binary is null || _binary.IsSignaled(1);
            ulong reached = 0;
            foreach ((ulong point, FenceTimeline timeline) in _points)
            {
                if (!base0 || !timeline.IsSignaled(1))
                {
                    break;
                }

                reached = point;
            }

            Assert.Equal(_last, _syncobj.Query(lastSubmitted: true));
            if (_points.Count != 0 && base0)
            {
                Assert.Equal(reached, _syncobj.Query(lastSubmitted: false));
            }

            for (ulong point = 1; point <= _last + 1; point++)
            {
                CheckPoint(point, reached);
            }

            Assert.Equal(_points.Count != 0 || _binary is not null, _syncobj.Find(0, null) == SyncobjPoint.Present);
        }

        private void CheckPoint(ulong point, ulong reached)
        {
            var fences = new List<DmaFence>();
            SyncobjPoint found = _syncobj.Find(point, fences);
            if (point > _last)
            {
                Assert.Equal(SyncobjPoint.Missing, found);
                return;
            }

            Assert.NotEqual(SyncobjPoint.Missing, found);
            Assert.Equal(point <= reached, fences.Count == 0);

            // What is to be waited for is exactly what is open up to the first point at or above.
            int last = _points.FindIndex(added => added.Point >= point);
            var expected = _points.Take(last + 1).Select(added => added.Timeline).Where(timeline => !timeline.IsSignaled(1)).ToList();
            if (_binary is not null && !_binary.IsSignaled(1))
            {
                expected.Insert(0, _binary);
            }

            Assert.Equal(expected, fences.Select(fence => fence.Timeline!));
        }

        private void Empty()
        {
            _points.Clear();
            _binary = null;
            _last = 0;
        }

        private FenceTimeline Open()
        {
            var timeline = new FenceTimeline();
            _open.Add(timeline);
            return timeline;
        }
    }
}
