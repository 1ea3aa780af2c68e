Console.WriteLine("xesvm");
