// scan.mjs - what is written without a library: the row is looked for, a new array is
// made, the page is changed.
import { follow } from './other.mjs';
import { show } from './screen.mjs';

let rows = [];

follow({
  load(data) {
    rows = data;
    show(rows);
  },
  event(event, data) {
    if (event === 'created')
      rows = [...rows, data];
    else if (event === 'updated')
      rows = rows.map((row) => row.id === data.id ? data : row);
    else if (event === 'deleted')
      rows = rows.filter((row) => row.id !== data.id);
    show(rows);
  },
});
