// ticks.mjs - a job of realtime.cron() notes each run, of which there must be one for
// each second, however often the server was down.
import { Trade } from './trade.mjs';

export class Ticks extends Trade {
	schema() {
		return `
			CREATE TABLE torture.tick (n serial);
			CREATE FUNCTION torture.tick() RETURNS void LANGUAGE sql AS $$INSERT INTO torture.tick DEFAULT VALUES$$;
			SELECT realtime.cron('torture/tick', '* * * * * *', 'torture.tick()', missed => 'all')`;
	}

	begin() {
		return [];
	}

	// What is run meanwhile is in all of these or in none.
	async compare() {
		await this.areNone({
			'runs of a job at times, and the rows that they have left': `SELECT runs, ticks FROM (SELECT sum(runs) AS runs,
				(SELECT count(*) FROM torture.tick) AS ticks FROM realtime.cron_state) x WHERE runs IS DISTINCT FROM ticks`,
			'jobs at times': 'SELECT count(*) FROM realtime.cron_state HAVING count(*) <> 1',
			'times that were run twice': 'SELECT due_at FROM realtime.cron_run GROUP BY due_at HAVING count(*) > 1',
			'times that were not run': `SELECT due_at FROM (SELECT due_at, lag(due_at) OVER (ORDER BY due_at) AS before FROM realtime.cron_run) r
				WHERE due_at - before > interval '1 s'`,
		});
	}
}
