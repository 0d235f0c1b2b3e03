/** The report on a page of its own: everything is in the file. */
import './page.css';
import type { Data } from './data';
import { report } from './report';

const main = document.createElement('main');
document.body.append(main);
report(main, JSON.parse(document.getElementById('data')?.textContent ?? '') as Data);
